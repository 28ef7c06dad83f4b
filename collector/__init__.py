# SPDX-License-Identifier: Apache-2.0
"""The collector: enrols devices, verifies and keeps what they send, raises incidents, and shows them to people.

Read `ingest` first: it is the path of an event from the wire to an incident.
"""
