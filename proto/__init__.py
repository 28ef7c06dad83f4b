# SPDX-License-Identifier: Apache-2.0
"""The contract between agent and collector: messages, event kinds, signing, hash chain.

It knows no policy, no machine and no network. `events` says what an event is, `wire` turns it into bytes, `chain` and
`envelope` make it evidence, `token` lets a new device find its collector.
"""
