#!/usr/bin/env python3
"""Tokens and permissions of a plane, as the Databricks SDK uses them.

    DATABRICKS_HOST=http://127.0.0.1:7387 DATABRICKS_TOKEN=... access.py --endpoint support-chat

The endpoint must be ready, and the token an administrator's. Everything that the script changes, it changes back.
Prints one line per check, `ok ...` or `FAILED ...`, and exits with 1 if any failed. Requires scripts/clients.txt.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Callable

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied, Unauthenticated
from databricks.sdk.service.iam import AccessControlRequest, PermissionLevel
from databricks.sdk.service.serving import ChatMessage, ChatMessageRole, EndpointTag

from claims import check, exit_status

KIND = "serving-endpoints"
TOKENS = "/api/setpoint/tokens"
GUEST, GROUP = "e2e-guest@example.com", "e2e-group"


class Plane:
    """A plane as its administrator uses it."""

    def __init__(self, host: str, token: str, endpoint: str) -> None:
        self.host, self.endpoint = host, endpoint
        self.admin = WorkspaceClient(host=host, token=token)
        self.id = self.admin.serving_endpoints.get(endpoint).id

    def create_token(self, name: str, **members) -> dict:
        return self.admin.api_client.do("POST", TOKENS, body={"name": name, **members})

    def revoke_token(self, name: str) -> None:
        self.admin.api_client.do("DELETE", f"{TOKENS}/{name}")

    def holder(self, token: dict) -> WorkspaceClient:
        return WorkspaceClient(host=self.host, token=token["secret"])

    def grant(self, *grants: AccessControlRequest) -> None:
        self.admin.permissions.update(KIND, self.id, access_control_list=list(grants))

    def direct_grants(self) -> dict[str, set[PermissionLevel]]:
        """The levels that were granted on the endpoint itself, by principal."""
        entries = self.admin.permissions.get(KIND, self.id).access_control_list or []
        direct = {
            entry.user_name or entry.group_name or entry.service_principal_name: {
                permission.permission_level for permission in entry.all_permissions or [] if not permission.inherited
            }
            for entry in entries
        }
        return {name: levels for name, levels in direct.items() if levels}


def raises(error: type[Exception], call: Callable[[], object]) -> tuple[bool, object]:
    """Whether a call raises the error, and what it raised or returned."""
    try:
        return False, call()
    except error as raised:
        return True, raised


def ask(client: WorkspaceClient, endpoint: str) -> str:
    message = ChatMessage(role=ChatMessageRole.USER, content="Say hello.")
    return client.serving_endpoints.query(endpoint, messages=[message], max_tokens=8).choices[0].message.content


def tag(client: WorkspaceClient, endpoint: str) -> None:
    client.serving_endpoints.patch(endpoint, add_tags=[EndpointTag(key="e2e-access", value="1")])
    client.serving_endpoints.patch(endpoint, delete_tags=["e2e-access"])


def tokens(plane: Plane) -> dict:
    """A token without permissions on the endpoint; the list has it, without its secret."""
    guest = plane.create_token(GUEST, can="view", endpoints=["e2e-no-such-endpoint"], groups=[GROUP])
    check("a token is created with a secret", guest["secret"].startswith("spt_"), list(guest))
    listed = plane.admin.api_client.do("GET", TOKENS)["tokens"]
    found = [token for token in listed if token["name"] == GUEST]
    check("it is listed", len(found) == 1 and found[0]["id"] == guest["id"], found)
    check("and no listed token has a secret", not any("secret" in token for token in listed), listed)
    denied, seen = raises(PermissionDenied, lambda: plane.holder(guest).api_client.do("GET", TOKENS))
    check("its holder may not list tokens", denied, seen)
    return guest


def permissions(plane: Plane, guest: WorkspaceClient) -> None:
    """What the holder may do, level by level."""
    name = plane.endpoint
    hidden, seen = raises(NotFound, lambda: guest.serving_endpoints.get(name))
    check("an endpoint that one may not view is NotFound", hidden, seen)
    hidden, seen = raises(NotFound, lambda: ask(guest, name))
    check("for queries too", hidden, seen)
    check("and not listed", name not in [item.name for item in guest.serving_endpoints.list()])

    plane.grant(AccessControlRequest(user_name=GUEST, permission_level=PermissionLevel.CAN_VIEW))
    check("permissions.update grants a level", PermissionLevel.CAN_VIEW in plane.direct_grants().get(GUEST, set()))
    check("CAN_VIEW shows the endpoint", guest.serving_endpoints.get(name).name == name)
    denied, seen = raises(PermissionDenied, lambda: ask(guest, name))
    check("and does not query it", denied, seen)

    plane.grant(AccessControlRequest(user_name=GUEST, permission_level=PermissionLevel.CAN_QUERY))
    check("CAN_QUERY queries it", ask(guest, name))
    denied, seen = raises(PermissionDenied, lambda: tag(guest, name))
    check("and does not change it", denied and "CAN_MANAGE" in str(seen), seen)

    # PUT replaces every grant: the guest's own is gone, and its group's counts.
    before = plane.direct_grants()
    manager = AccessControlRequest(group_name=GROUP, permission_level=PermissionLevel.CAN_MANAGE)
    plane.admin.permissions.set(KIND, plane.id, access_control_list=[manager])
    check("permissions.set replaces the grants", GUEST in before and GUEST not in plane.direct_grants(), before)
    tag(guest, name)
    check("CAN_MANAGE of a group changes it", True)
    levels = plane.admin.permissions.get_permission_levels(KIND, plane.id).permission_levels or []
    check("the levels are listed", len(levels) == 3, levels)

    plane.grant(AccessControlRequest(user_name="e2e-nobody", permission_level=PermissionLevel.CAN_QUERY))
    check("a grant may come before its token", "e2e-nobody" in plane.direct_grants(), plane.direct_grants())
    invalid = AccessControlRequest(user_name="e2e nobody", permission_level=PermissionLevel.CAN_QUERY)
    refused, seen = raises(InvalidParameterValue, lambda: plane.grant(invalid))
    check("a name that no token can have is refused", refused, seen)


def rotate_and_revoke(plane: Plane, token: dict) -> None:
    old = plane.holder(token)
    rotated = old.api_client.do("POST", f"{TOKENS}/{GUEST}/rotate", body={"overlap_seconds": 600})
    new = plane.holder(rotated)
    check("a holder rotates its own token", rotated["secret"] != token["secret"], list(rotated))
    names = [client.current_user.me().user_name for client in (old, new)]
    check("and both secrets work during the overlap", names == [GUEST, GUEST], names)
    plane.revoke_token(GUEST)
    for which, client in (("previous", old), ("new", new)):
        refused, seen = raises(Unauthenticated, client.current_user.me)
        check(f"after its revocation, the {which} secret is Unauthenticated", refused, seen)


def restore(plane: Plane, grants: dict[str, set[PermissionLevel]]) -> None:
    """Remove what a failed run leaves."""
    if GUEST in [token["name"] for token in plane.admin.api_client.do("GET", TOKENS)["tokens"]]:
        plane.revoke_token(GUEST)
    if not grants:
        plane.admin.permissions.set(KIND, plane.id, access_control_list=[])


def main() -> int:
    parser = argparse.ArgumentParser(description="Check tokens and permissions with the Databricks SDK.")
    parser.add_argument("--endpoint", required=True, help="an endpoint that is ready")
    plane = Plane(os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"], parser.parse_args().endpoint)
    grants = plane.direct_grants()
    try:
        token = tokens(plane)
        permissions(plane, plane.holder(token))
        rotate_and_revoke(plane, token)
    except Exception as error:  # an exception of the SDK is a failed check too, and is printed with its location
        traceback.print_exc(file=sys.stdout)
        check("the script finishes", False, error)
    finally:
        restore(plane, grants)
    return exit_status()


if __name__ == "__main__":
    sys.exit(main())
