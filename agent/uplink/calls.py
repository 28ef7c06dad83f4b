# SPDX-License-Identifier: Apache-2.0
"""Single questions to the collector's enrolment listener. Keys and proofs come from `identity`; it keeps nothing."""

from agent.errors import CollectorUnreachableError, EnrolmentError
from agent.uplink.channel import open_enrolment_channel
from agent.uplink.words import explain_error
from proto.token import Token
from proto.wire import ENROL_METHOD, ENROL_SERVICE, EnrolReply, EnrolRequest

ENROL_TIMEOUT_S = 20.0


def enrol(token: Token, request: EnrolRequest) -> EnrolReply:
    """Ask the collector to admit this machine. The CA in the token is the only one that is trusted.

    Raises:
        EnrolmentError: the collector refused, and says why.
        CollectorUnreachableError: it does not answer, or is not the one in the token.
    """
    import grpc

    with open_enrolment_channel(token.enrol_address, token.ca_certificate) as channel:
        call = channel.unary_unary(
            f"/{ENROL_SERVICE}/{ENROL_METHOD}",
            request_serializer=EnrolRequest.SerializeToString,
            response_deserializer=EnrolReply.FromString,
        )
        try:
            reply: EnrolReply = call(request, timeout=ENROL_TIMEOUT_S)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT):
                raise EnrolmentError(f"the collector refused: {error.details()}") from error
            raise CollectorUnreachableError(
                f"the collector at {token.enrol_address} does not answer: {explain_error(error)}",
                hint="check address, network and that the collector runs; the token stays good until it expires",
            ) from error
    return reply
