# SPDX-License-Identifier: Apache-2.0
"""The line to the collector, and the only room that speaks gRPC (which it loads late).

`line` keeps the long stream, `exchange` its rules without the network, `calls` asks single questions, `channel` opens
connections, `words` says what went wrong.
"""
