#!/usr/bin/env python3
"""The calls about an endpoint's permissions, limits, logs, metrics and notifications, as their own clients use them.

    DATABRICKS_HOST=http://127.0.0.1:7387 DATABRICKS_TOKEN=... endpoint_calls.py --endpoint support-chat

The clients are databricks-sdk, MLflow's deployments client, and for rate limits the OpenAI SDK. The endpoint must be
ready and have neither a gateway, nor notifications, nor grants; the token must be an administrator's. Everything that
the script changes, it changes back. Prints one line per check, `ok ...` or `FAILED ...`, and exits with 1 if any
failed. Requires scripts/clients.txt.
"""

import argparse
import os
import re
import sys
import traceback

import openai
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, NotImplemented
from databricks.sdk.service.serving import (
    AiGatewayRateLimit,
    AiGatewayRateLimitKey,
    AiGatewayRateLimitRenewalPeriod,
    EmailNotifications,
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
)

from claims import check, exit_status

TOKENS = "/api/setpoint/tokens"
GUEST = "e2e-caller@example.com"
# The series of a workspace (docs/serving-api.md E15) that a plane has too.
SERIES = ("request_count_total", "request_4xx_count_total", "request_5xx_count_total", "request_latency_ms")
MESSAGES = [{"role": "user", "content": "Say hello."}]
CALLS_A_MINUTE = 2


class Plane:
    """A plane as its administrator and as a guest use it."""

    def __init__(self, host: str, token: str, endpoint: str) -> None:
        self.host, self.token, self.endpoint = host, token, endpoint
        self.admin = WorkspaceClient(host=host, token=token)
        self.calls = self.admin.serving_endpoints
        created = self.admin.api_client.do("POST", TOKENS, body={"name": GUEST, "can": "query"})
        self.guest_token = created["secret"]

    def client(self, token: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.host}/serving-endpoints", api_key=token, max_retries=0)

    def chat(self, client: openai.OpenAI) -> str:
        answer = client.chat.completions.create(model=self.endpoint, messages=MESSAGES, max_tokens=8)
        return answer.choices[0].message.content

    def restore(self) -> None:
        self.calls.put_ai_gateway(self.endpoint)
        nobody = EmailNotifications(on_update_success=[], on_update_failure=[])
        self.calls.update_notifications(self.endpoint, email_notifications=nobody)
        self.calls.set_permissions(self.calls.get(self.endpoint).id, access_control_list=[])
        self.admin.api_client.do("DELETE", f"{TOKENS}/{GUEST}")


def direct(permissions) -> dict[str, str]:
    """The grants on the endpoint itself, by name."""
    return {
        entry.user_name or entry.group_name or entry.service_principal_name: permission.permission_level.value
        for entry in permissions.access_control_list or []
        for permission in entry.all_permissions or []
        if not permission.inherited
    }


def permissions(plane: Plane) -> None:
    id = plane.calls.get(plane.endpoint).id
    read = plane.calls.get_permissions(id)
    check("get_permissions names the endpoint by its ID", read.object_id == f"/serving-endpoints/{id}", read)
    check("and its type", read.object_type == "serving-endpoint", read)
    inherited = [
        permission.inherited_from_object
        for entry in read.access_control_list
        for permission in entry.all_permissions
        if permission.inherited
    ]
    check("with the administrators' inherited permission", inherited and all(inherited), read)
    catalogue = [level.permission_level.value for level in plane.calls.get_permission_levels(id).permission_levels]
    check("get_permission_levels has three", set(catalogue) == {"CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"}, catalogue)

    def grant(level: ServingEndpointPermissionLevel) -> ServingEndpointAccessControlRequest:
        return ServingEndpointAccessControlRequest(user_name=GUEST, permission_level=level)

    changed = plane.calls.update_permissions(id, access_control_list=[grant(ServingEndpointPermissionLevel.CAN_VIEW)])
    check("update_permissions adds a grant, and returns it", direct(changed).get(GUEST) == "CAN_VIEW", direct(changed))
    plane.calls.update_permissions(id, access_control_list=[grant(ServingEndpointPermissionLevel.CAN_MANAGE)])
    levels = direct(plane.calls.get_permissions(id))
    check("and changes it", levels.get(GUEST) == "CAN_MANAGE", levels)
    plane.calls.set_permissions(id, access_control_list=[])
    levels = direct(plane.calls.get_permissions(id))
    check("set_permissions removes it", GUEST not in levels, levels)
    try:
        plane.calls.get_permissions("0" * 32)
        check("permissions of another ID are NotFound", False, "permissions")
    except NotFound as error:
        check("permissions of another ID are NotFound", True, error)


def limits(plane: Plane) -> None:
    """A limit for one principal, as the OpenAI SDK sees it."""
    guest, other = plane.client(plane.guest_token), plane.client(plane.token)
    limit = AiGatewayRateLimit(
        calls=CALLS_A_MINUTE,
        key=AiGatewayRateLimitKey.USER,
        principal=GUEST,
        renewal_period=AiGatewayRateLimitRenewalPeriod.MINUTE,
    )
    put = plane.calls.put_ai_gateway(plane.endpoint, rate_limits=[limit])
    check("put_ai_gateway returns the limit", put.rate_limits[0].principal == GUEST, put)
    refusal = None
    for _ in range(2 * CALLS_A_MINUTE):
        try:
            plane.chat(guest)
        except openai.RateLimitError as error:
            refusal = error
            break
    check("calls beyond it are openai's RateLimitError", refusal is not None)
    if refusal:
        wait = refusal.response.headers.get("retry-after", "")
        check("with Retry-After in seconds", wait.isdigit() and 1 <= int(wait) <= 60, wait)
        check("and the limit in its message", f"{CALLS_A_MINUTE} calls a minute" in str(refusal), str(refusal))
    check("others are not limited", plane.chat(other))
    plane.calls.put_ai_gateway(plane.endpoint)
    check("an empty put removes it", plane.calls.get(plane.endpoint).ai_gateway is None)
    check("at once", plane.chat(guest))


def logs(plane: Plane) -> None:
    entity = plane.calls.get(plane.endpoint).config.served_entities[0].name
    server = plane.calls.logs(plane.endpoint, entity).logs
    check("logs has what the engine printed", "vLLM" in server or "vllm" in server, server[-300:])
    build = plane.calls.build_logs(plane.endpoint, entity).logs
    check("build_logs has the output until it was ready", build and build[:100] in server + build, build[:300])
    try:
        plane.calls.logs(plane.endpoint, "no-such-entity")
        check("logs of another entity are NotFound", False, "logs")
    except NotFound as error:
        check("logs of another entity are NotFound", "no-such-entity" in str(error), str(error))


def metrics(plane: Plane) -> None:
    text = plane.calls.export_metrics(plane.endpoint).contents.read().decode()
    names = {re.split(r"[{ ]", line)[0] for line in text.splitlines() if line and not line.startswith("#")}
    missing = [series for series in SERIES if not any(name.startswith(series) for name in names)]
    check("export_metrics has the series of a workspace", not missing, (missing, sorted(names)))
    wrong = [line for line in text.splitlines() if line and not re.match(r"#|\w+(\{.*\})? \S+( \S+)?$", line)]
    check("in Prometheus' format", not wrong, wrong[:3])
    try:
        plane.calls.get_open_api(plane.endpoint)
        check("a model's schema is not implemented, and says so", False, "a schema")
    except NotImplemented as error:
        check("a model's schema is not implemented, and says so", "schema" in str(error), str(error))


def notifications(plane: Plane) -> None:
    lists = EmailNotifications(on_update_failure=["oncall@example.com"], on_update_success=["team@example.com"])
    answer = plane.calls.update_notifications(plane.endpoint, email_notifications=lists)
    check("update_notifications returns the endpoint's name and lists", answer.name == plane.endpoint, answer)
    kept = plane.calls.update_notifications(
        plane.endpoint, email_notifications=EmailNotifications(on_update_success=[])
    ).email_notifications
    check("a list that is omitted stays", kept.on_update_failure == ["oncall@example.com"], kept)


def mlflow_deployments(plane: Plane) -> None:
    os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"] = plane.host, plane.token
    from mlflow.deployments import get_deploy_client

    client = get_deploy_client("databricks")
    check("mlflow reads the endpoint", client.get_endpoint(plane.endpoint)["state"]["ready"] == "READY")
    check("and lists it", plane.endpoint in [item["name"] for item in client.list_endpoints()])
    answer = client.predict(endpoint=plane.endpoint, inputs={"messages": MESSAGES, "max_tokens": 8})
    check("and queries it", answer["choices"][0]["message"]["content"], answer)
    client.update_endpoint_tags(plane.endpoint, config={"add_tags": [{"key": "e2e-mlflow", "value": "1"}]})
    check("and tags it", {"key": "e2e-mlflow", "value": "1"} in client.get_endpoint(plane.endpoint)["tags"])
    client.update_endpoint_tags(plane.endpoint, config={"delete_tags": ["e2e-mlflow"]})


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the calls about one endpoint with their own clients.")
    parser.add_argument("--endpoint", required=True, help="an endpoint that is ready")
    plane = Plane(os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"], parser.parse_args().endpoint)
    try:
        for part in (permissions, limits, logs, metrics, notifications, mlflow_deployments):
            part(plane)
    except Exception as error:  # an exception of the SDKs is a failed check too, and is printed with its location
        traceback.print_exc(file=sys.stdout)
        check("the script finishes", False, error)
    finally:
        plane.restore()
    return exit_status()


if __name__ == "__main__":
    sys.exit(main())
