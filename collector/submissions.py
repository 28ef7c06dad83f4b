# SPDX-License-Identifier: Apache-2.0
"""What is handed to ingest and what comes back: an envelope that waits, its answer, and who is told.

It also says which envelopes can go into one commit. What is done with them is in `ingest`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collector.admission import RefusedError
from collector.errors import StoreError
from proto.wire import Ack, Envelope, Refusal

Answer = Ack | Refusal


@dataclass(slots=True, eq=False)
class Submission:
    """An envelope that waits for its answer."""

    device_id: str
    """Of the TLS certificate, not of the envelope."""
    envelope: Envelope
    answer: Any
    """A future of either kind; whoever is asked to deliver knows how to fill it."""


Delivery = list[tuple[Submission, Answer | StoreError]]


def deliver_here(delivery: Delivery) -> None:
    """Fill `concurrent.futures` futures; for callers that wait in a thread."""
    for submission, answer in delivery:
        if isinstance(answer, StoreError):
            submission.answer.set_exception(answer)
        else:
            submission.answer.set_result(answer)


def split(batch: Sequence[Submission]) -> tuple[list[Submission], list[Submission]]:
    """Keep back what does not go on where the envelope before it ends: only the ledger knows if it is a repetition."""
    now: list[Submission] = []
    later: list[Submission] = []
    expected: dict[str, tuple[int, int]] = {}
    for submission in batch:
        envelope, device_id = submission.envelope, submission.device_id
        if expected.get(device_id, (envelope.epoch, envelope.first_seq)) == (envelope.epoch, envelope.first_seq):
            now.append(submission)
            expected[device_id] = envelope.epoch, envelope.last_seq + 1
        else:
            later.append(submission)
            expected[device_id] = 0, 0  # Nor what follows it: the order stays.
    return now, later


def to_refusal(envelope: Envelope, refused: RefusedError) -> Refusal:
    """Return what a device is told of an envelope that is not taken."""
    return Refusal(
        reason=refused.reason,
        detail=refused.detail,
        epoch=envelope.epoch,
        first_seq=envelope.first_seq,
        last_seq=envelope.last_seq,
        expected_seq=refused.expected_seq,
    )
