# SPDX-License-Identifier: Apache-2.0
"""Try."""
import time, tracemalloc
from collector.ingest import Ingest
from collector.verifier.schoolwarden_verify import verify
from tests.collector.evidence import *
def test_big(own):
    """Try."""
    school=own.school
    ingest = Ingest(school.engine, school.id, make_evaluator(), clock_ns=lambda: school.now_ns)
    for _ in range(20):
        numbers_of(send(ingest, own.device.say(*([ORDINARY]*399 + [TOR_STARTED]))))
    ingest.close()
    t=time.perf_counter(); data=own.export(); t1=time.perf_counter()
    r=verify(data); t2=time.perf_counter()
    assert not r["problems"]
    tracemalloc.start(); verify(data); peak=tracemalloc.get_traced_memory()[1]; tracemalloc.stop()
    print("BIG", len(data), t1-t, t2-t1, peak)
