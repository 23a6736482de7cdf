#!/usr/bin/env python3
"""A real SMTP server on this machine receives the mail about updates of a plane's endpoint.

    notifications.py --setpoint .build-release/release/setpoint

The server is aiosmtpd's (scripts/clients.txt). It asks for a password, and refuses the first mail for now. The plane is
real, its engine is the stand-in for vLLM; for one update, it is a program whose last words are lines of SMTP and of a
mail's header, which must stay text in the mail's body. Exits with 1 if a check fails.
"""

import argparse
import contextlib
import email
import email.policy
import email.utils
import pathlib
import re
import stat
import sys
import time
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from story import chapters, processes, running, standin  # noqa: E402
from story.manifests import ENDPOINT, manifest  # noqa: E402
from story.narration import Narrator  # noqa: E402
from story.setpoint import Setpoint, free_port  # noqa: E402

USER, PASSWORD = "mailer", "correct horse/battery+staple"
SENDER, TEAM, ONCALL = "setpoint@example.com", "team@example.com", "oncall@example.com"
USUAL_PORT = 2525
MAIL_SECONDS = 60
QUIET_SECONDS = 3
NOTIFICATIONS = f"""\
  notifications:
    onUpdateSuccess: [{TEAM}]
    onUpdateFailure: [{ONCALL}]
"""
HEADER = {
    "Date",
    "From",
    "To",
    "Message-ID",
    "Subject",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Auto-Submitted",
}
# What an engine says last, in the hope that it ends the mail and begins another one.
LAST_WORDS = (
    r"RuntimeError: no weights\r\nBcc: evil@example.com\r\n\r\n.\r\nMAIL FROM:<evil@example.com>\r\n"
    r"RCPT TO:<evil@example.com>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n.\r\n"
)


class Inbox:
    """What the server has accepted, and how often it was asked."""

    def __init__(self) -> None:
        self.accepted: list[Envelope] = []
        self.logins: list[tuple[str, str]] = []
        self.refused = 0

    async def handle_DATA(self, _server, _session, envelope: Envelope) -> str:
        if not self.refused:
            self.refused += 1
            return "451 4.3.0 try again later"
        self.accepted.append(envelope)
        return "250 2.0.0 accepted"

    def log_in(self, _server, _session, _envelope, _mechanism, given) -> AuthResult:
        self.logins.append((given.login.decode(), given.password.decode()))
        return AuthResult(success=self.logins[-1] == (USER, PASSWORD))

    def mails(self, address: str) -> list[EmailMessage]:
        """The mails to an address, which its envelopes name."""
        chosen = [envelope.content for envelope in self.accepted if envelope.rcpt_tos == [address]]
        return [email.message_from_bytes(content, policy=email.policy.default) for content in chosen]


def check_mail(narrator: Narrator, mail: EmailMessage, to: str, result: str) -> None:
    check = narrator.check
    news = rf"the update to config version \d+ {result}"
    subject = re.fullmatch(rf"{ENDPOINT}: ({news})", mail["Subject"])
    check("its subject is the news", subject, seen=mail["Subject"])
    check("its header has the usual fields, once each", sorted(mail.keys()) == sorted(HEADER), seen=mail.keys())
    addresses = [email.utils.parseaddr(mail[field])[1] for field in ("From", "To")]
    check("it is from the plane's sender, to one receiver", addresses == [SENDER, to], seen=addresses)
    age = time.time() - email.utils.parsedate_to_datetime(mail["Date"]).timestamp()
    check("its date is now", -60 < age < 600, seen=mail["Date"])
    text = mail.get_content()
    check("its text names the endpoint and the plane", text.startswith(f"Endpoint {ENDPOINT} on "), seen=text)
    check("with the same news", re.search(news, text), seen=text)


def first_version(setpoint: Setpoint, inbox: Inbox) -> None:
    narrator = setpoint.narrator
    with narrator.step("Apply version 1: one mail about its success, although the server refuses it at first"):
        applied = setpoint.apply(ENDPOINT, manifest("1") + NOTIFICATIONS, quiet=True)
        narrator.require("apply exits 0", applied.status == 0, seen=applied)
        came = processes.wait_until(lambda: inbox.accepted, MAIL_SECONDS)
        narrator.require("the server accepts a mail", came, seen=setpoint.log_end())
        check_mail(narrator, inbox.mails(TEAM)[0], TEAM, "succeeded")
        narrator.check("it was refused once before", inbox.refused == 1)
        narrator.check("the plane logs in with the password of its secrets", set(inbox.logins) == {(USER, PASSWORD)})


def failed_version(setpoint: Setpoint, inbox: Inbox, environment: pathlib.Path) -> None:
    narrator = setpoint.narrator
    with narrator.step("Apply a version that fails, with last words that are lines of SMTP"):
        script = setpoint.folder / "evil"
        script.write_text(f"#!/bin/sh\nprintf '{LAST_WORDS}'\nprintf '{LAST_WORDS}' >&2\nexit 1\n")
        script.chmod(0o755)
        standin.make_environment(environment, [str(script)])
        applied = setpoint.apply(ENDPOINT, manifest("2") + NOTIFICATIONS, quiet=True)
        narrator.check("apply exits 1", applied.status == 1, seen=applied)
        came = processes.wait_until(lambda: inbox.mails(ONCALL), MAIL_SECONDS)
        narrator.require("the server accepts a mail", came, seen=setpoint.log_end())
        mail = inbox.mails(ONCALL)[0]
        check_mail(narrator, mail, ONCALL, "failed")
        text = mail.get_content()
        told = "Reason: " in text and f"setpoint describe {ENDPOINT}" in text
        narrator.check("its text has the reason, and what shows more", told, seen=text)
        time.sleep(QUIET_SECONDS)
        receivers = {address for envelope in inbox.accepted for address in envelope.rcpt_tos}
        narrator.check("nobody else got a mail", receivers == {ONCALL, TEAM}, seen=receivers)
        senders = {envelope.mail_from for envelope in inbox.accepted}
        narrator.check("and nobody else sent one", senders == {SENDER}, seen=senders)


def next_version(setpoint: Setpoint, inbox: Inbox, environment: pathlib.Path) -> None:
    narrator = setpoint.narrator
    with narrator.step("Apply the next version: one more mail about its success"):
        standin.make_standin(environment)
        before = len(inbox.mails(TEAM))
        applied = setpoint.apply(ENDPOINT, manifest("1", size="Medium") + NOTIFICATIONS, quiet=True)
        narrator.check("apply exits 0", applied.status == 0, seen=applied)
        came = processes.wait_until(lambda: len(inbox.mails(TEAM)) > before, MAIL_SECONDS)
        narrator.require("the server accepts a mail", came, seen=setpoint.log_end())
        check_mail(narrator, inbox.mails(TEAM)[-1], TEAM, "succeeded")
        identities = {mail["Message-ID"] for address in (TEAM, ONCALL) for mail in inbox.mails(address)}
        narrator.check("each mail has an ID of its own", len(identities) == len(inbox.accepted), seen=identities)


def refuse_addresses(setpoint: Setpoint, inbox: Inbox) -> None:
    narrator = setpoint.narrator
    with narrator.step("Refuse addresses that would add fields or receivers"):
        before = len(inbox.accepted)
        for address in (
            "a@example.com\\r\\nBcc: evil@example.com",
            "a@example.com, evil@example.com",
            "Evil <evil@example.com>",
            "a@example.com> SIZE=1",
        ):
            text = manifest("1", size="Medium") + f'  notifications: {{onUpdateSuccess: ["{address}"]}}\n'
            applied = setpoint.apply(ENDPOINT, text, quiet=True)
            narrator.check(f'"{address}" is refused', applied.status != 0, seen=applied)
        narrator.check("and no mail is sent", len(inbox.accepted) == before)


def write_password(data: pathlib.Path) -> None:
    file = data / "secrets/smtp/password"
    file.parent.mkdir(mode=stat.S_IRWXU, parents=True)
    file.touch(mode=0o600)
    file.write_text(PASSWORD)


def tell(narrator: Narrator, folder: pathlib.Path, binary: pathlib.Path) -> None:
    inbox = Inbox()
    server = Controller(
        inbox,
        hostname="127.0.0.1",
        port=free_port(USUAL_PORT),
        authenticator=inbox.log_in,
        auth_required=True,
        auth_require_tls=False,
    )
    server.start()
    try:
        chapters.make_models(narrator, ROOT, folder)
        standin.make_it_speak(chapters.models(folder), chapters.sentence)
        environment = standin.make_standin(folder / "standin")
        with contextlib.closing(Setpoint(binary, folder, environment, narrator)) as setpoint:
            setpoint.options = ["--smtp", f"smtp://{USER}@127.0.0.1:{server.port}", "--smtp-from", SENDER]
            setpoint.data.mkdir(mode=stat.S_IRWXU)
            write_password(setpoint.data)
            chapters.start_plane(setpoint)
            chapters.register_quietly(setpoint)
            first_version(setpoint, inbox)
            failed_version(setpoint, inbox, environment)
            next_version(setpoint, inbox, environment)
            refuse_addresses(setpoint, inbox)
    finally:
        server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the mail about updates with a real SMTP server.")
    parser.add_argument("--setpoint", type=pathlib.Path, required=True, metavar="BINARY")
    binary = parser.parse_args().setpoint.resolve()
    return running.run("mail", lambda narrator, folder: tell(narrator, folder, binary))


if __name__ == "__main__":
    sys.exit(main())
