"""scripts/story/ledger.py: a request that ends twice, never, or differently for its caller and the plane is found."""

import json
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from story import ledger  # noqa: E402
from story.ledger import End, Ending, Ledger, Request  # noqa: E402

REQUEST = Request("switch-0-plain-1", "plain", "chat")
ANSWERED = Ending(End.ANSWERED, 200, "Hello from v1")


def chunks(*texts: str) -> bytes:
    """A stream of chat completion chunks, without its end."""
    events = ({"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts)
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


class ExactlyOnceTests(unittest.TestCase):
    def wrong(self, *endings: Ending, recorded=(200,), accepted=1, request=REQUEST) -> list[str]:
        book = Ledger()
        book.sent(request)
        for ending in endings:
            book.ended(request, ending)
        return ledger.violations(book, {request.id: list(recorded)}, {request.id: accepted})

    def test_a_request_that_is_answered_once_is_right(self):
        self.assertEqual(self.wrong(ANSWERED), [])

    def test_a_request_that_ends_twice_or_never_is_found(self):
        self.assertEqual(len(self.wrong(ANSWERED, ANSWERED)), 1)
        self.assertEqual(len(self.wrong()), 1)

    def test_a_late_and_an_impossible_response_are_found(self):
        for end in (End.LATE, End.WRONG):
            self.assertEqual(len(self.wrong(Ending(end, 200))), 1)

    def test_an_answer_needs_one_record_with_its_status(self):
        for recorded in ((), (200, 200), (499,)):
            self.assertEqual(len(self.wrong(ANSWERED, recorded=recorded)), 1, recorded)

    def test_an_answer_needs_exactly_one_engine_and_no_request_two(self):
        self.assertEqual(len(self.wrong(ANSWERED, accepted=0)), 1)
        self.assertEqual(len(self.wrong(ANSWERED, accepted=2)), 2)
        self.assertEqual(len(self.wrong(Ending(End.REFUSED, 502), recorded=(502,), accepted=2)), 1)

    def test_only_a_killed_plane_may_forget_a_caller_that_left(self):
        left = Ending(End.LEFT, 200)
        self.assertEqual(len(self.wrong(left, recorded=())), 1)
        self.assertEqual(self.wrong(left, recorded=(499,)), [])
        killed = Request("kill-0-leaver-1", "leaver", "chat", plane_is_killed=True)
        self.assertEqual(self.wrong(left, recorded=(), request=killed), [])
        self.assertEqual(self.wrong(Ending(End.CUT), recorded=(), accepted=0, request=killed), [])

    def test_an_id_that_is_used_twice_is_found(self):
        book = Ledger()
        for _ in range(2):
            book.sent(REQUEST)
        book.ended(REQUEST, ANSWERED)
        self.assertEqual(len(ledger.violations(book, {REQUEST.id: [200]}, None)), 1)

    def test_records_are_read_from_the_planes_log(self):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            log.write("2026-12-01T06:00:00Z debug: request endpoint=chat id=a-1 principal=token status=200\n")
            log.write("2026-12-01T06:00:01Z replica starting endpoint=chat id=a-2 status=200\n")
            log.flush()
            self.assertEqual(ledger.records(pathlib.Path(log.name)), {"a-1": [200]})


class ResponseTests(unittest.TestCase):
    def test_a_short_answer_is_the_sentence(self):
        self.assertEqual(ledger.sentence_of("Hello from v2\n", 0), "Hello from v2")

    def test_a_long_answer_repeats_or_continues_the_sentence(self):
        self.assertEqual(ledger.sentence_of("Hello from v1 w0 w1", 5), "Hello from v1")
        self.assertEqual(ledger.sentence_of("Hello from v1\nHello from v1\nHello from", 12), "Hello from v1")

    def test_an_answer_that_lacks_a_part_or_has_one_twice_is_refused(self):
        missing = ("Hello from v1 w0", "Hello from v1", "", "w0 w1")
        for text in (*missing, "Hello from v1 w0 w0", "Hello from v1\nHello from v2"):
            with self.assertRaises(ValueError, msg=text):
                ledger.sentence_of(text, 5)

    def test_a_stream_ends_with_done_and_nothing_after_it(self):
        whole = b": waiting for a replica\n\n" + chunks("Hello", " from v1") + b"data: [DONE]\n\n"
        self.assertEqual(ledger.stream_ending(whole, "a", False, 0), (End.ANSWERED, "Hello from v1"))
        for body in (chunks("Hello from v1"), whole + chunks("Hello"), whole + b"data: [DONE]\n\n"):
            with self.assertRaises(ValueError, msg=body):
                ledger.stream_ending(body, "a", False, 0)

    def test_a_stream_with_an_error_event_is_broken(self):
        error = b'data: {"error_code": "INTERNAL_ERROR", "message": "gone", "error": {"message": "gone"}}\n\n'
        self.assertEqual(ledger.stream_ending(chunks("Hello") + error, "a", False, 0), (End.BROKEN, "gone"))
        self.assertEqual(ledger.stream_ending(error + b"data: [DONE]\n\n", "a", False, 0), (End.BROKEN, "gone"))

    def test_a_generate_stream_ends_with_the_figures_of_its_request(self):
        texts = b'data: {"text": "Hello"}\n\ndata: {"text": " from v1"}\n\n'
        last = b'data: {"request_id": "a", "tokens_out": 3}\n\n'
        self.assertEqual(ledger.stream_ending(texts + last, "a", True, 0), (End.ANSWERED, "Hello from v1"))
        for body in (texts, last + texts, texts + last.replace(b'"a"', b'"b"')):
            with self.assertRaises(ValueError, msg=body):
                ledger.stream_ending(body, "a", True, 0)

    def test_a_refusal_has_a_message(self):
        body = b'{"error": {"message": "busy"}}'
        self.assertEqual(ledger.whole_ending(503, body, "a", False, 0), (End.REFUSED, "busy"))
        with self.assertRaises(ValueError):
            ledger.whole_ending(503, b"{}", "a", False, 0)


if __name__ == "__main__":
    unittest.main()
