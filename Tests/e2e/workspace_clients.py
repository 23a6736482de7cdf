#!/usr/bin/env python3
"""The Databricks SDK and MLflow's deployments client against the test workspace.

    workspace_clients.py --workspace .build/debug/workspace-double

Starts the workspace on a free port of this machine. Prints one line per check, `ok ...` or `FAILED ...`, and exits with
1 if any failed. Requires scripts/clients.txt.
"""

import argparse
import datetime
import os
import subprocess
import sys
import traceback

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import BadRequest, NotFound, ResourceConflict, ResourceAlreadyExists
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    AiGatewayRateLimit,
    AiGatewayRateLimitKey,
    AiGatewayRateLimitRenewalPeriod,
    AiGatewayUsageTrackingConfig,
    ChatMessage,
    ChatMessageRole,
    EmailNotifications,
    EndpointCoreConfigInput,
    EndpointStateConfigUpdate,
    EndpointStateReady,
    EndpointTag,
    Route,
    ServedEntityInput,
    ServingEndpointAccessControlRequest,
    ServingEndpointPermissionLevel,
    ServingModelWorkloadType,
    TelemetryConfig,
    TelemetryInferenceTableConfig,
    TrafficConfig,
    UnityCatalogTableNames,
)

from claims import check, exit_status

MODEL = "main.support.qwen3"
TOKEN = "dapi-secret-token"
PATIENCE = datetime.timedelta(minutes=2)


def raises(claim: str, kind: type, call) -> None:
    try:
        check(claim, False, call())
    except kind as error:
        check(claim, True, error)


def served(version: str, name: str = "main") -> ServedEntityInput:
    return ServedEntityInput(
        name=name,
        entity_name=MODEL,
        entity_version=version,
        workload_type=ServingModelWorkloadType.GPU_MEDIUM,
        workload_size="Small",
        scale_to_zero_enabled=False,
        environment_vars={"HF_TOKEN": "{{secrets/llm/hf}}"},
    )


def life_of_an_endpoint(workspace: WorkspaceClient) -> None:
    """Create, wait, read, list, query, update, fail, and continue from there."""
    endpoints = workspace.serving_endpoints
    created = endpoints.create_and_wait(
        name="sdk-chat",
        config=EndpointCoreConfigInput(name="sdk-chat", served_entities=[served("1")]),
        tags=[EndpointTag(key="made-by", value="sdk")],
        description="a test",
        budget_policy_id="budget-1",
        timeout=PATIENCE,
    )
    check(
        "databricks-sdk creates an endpoint and waits", created.state.ready is EndpointStateReady.READY, created.state
    )
    raises(
        "the same name again is ResourceAlreadyExists",
        ResourceAlreadyExists,
        lambda: endpoints.create(
            name="sdk-chat", config=EndpointCoreConfigInput(name="sdk-chat", served_entities=[served("1")])
        ),
    )
    read = endpoints.get("sdk-chat")
    entity = read.config.served_entities[0]
    check(
        "it reads the entity",
        (entity.name, entity.entity_version, entity.workload_size) == ("main", "1", "Small"),
        entity,
    )
    check("a secret stays a reference", entity.environment_vars == {"HF_TOKEN": "{{secrets/llm/hf}}"}, entity)
    check(
        "the description is returned, the budget policy is not",
        (read.description, read.budget_policy_id) == ("a test", None),
        read,
    )
    check(
        "one entity has all traffic under both names",
        [(r.served_entity_name, r.served_model_name, r.traffic_percentage) for r in read.config.traffic_config.routes]
        == [("main", "main", 100)],
        read.config.traffic_config,
    )
    names = [item.name for item in endpoints.list()]
    check(
        "it lists the endpoint beside Databricks' own",
        "sdk-chat" in names and any(n.startswith("databricks-") for n in names),
        names,
    )
    check("it queries", ask(workspace) == "Hello from v1", ask(workspace))

    endpoints.update_config("sdk-chat", served_entities=[served("2")])
    under_way = endpoints.get("sdk-chat")
    check(
        "an update is pending while the old config answers",
        (under_way.state.config_update, under_way.pending_config.config_version, under_way.config.config_version)
        == (EndpointStateConfigUpdate.IN_PROGRESS, 2, 1),
        under_way,
    )
    raises(
        "a second update meanwhile is ResourceConflict",
        ResourceConflict,
        lambda: endpoints.update_config("sdk-chat", served_entities=[served("4")]),
    )
    settled = endpoints.wait_get_serving_endpoint_not_updating("sdk-chat", timeout=PATIENCE)
    check("it waits for version 2", settled.config.served_entities[0].entity_version == "2", settled.config)
    check("version 2 answers", ask(workspace) == "Hello from v2", ask(workspace))

    endpoints.update_config("sdk-chat", served_entities=[served("3")])
    failed = None
    for _ in range(5):
        failed = endpoints.get("sdk-chat")
    check(
        "a version that cannot be loaded is UPDATE_FAILED",
        failed.state.config_update is EndpointStateConfigUpdate.UPDATE_FAILED,
        failed.state,
    )
    check("and version 2 keeps answering", ask(workspace) == "Hello from v2", ask(workspace))
    check("the build's log can be read", endpoints.build_logs("sdk-chat", "main").logs, None)
    check("and the server's", endpoints.logs("sdk-chat", "main").logs, None)

    split = endpoints.update_config_and_wait(
        "sdk-chat",
        served_entities=[served("2", "stable"), served("4", "next")],
        traffic_config=TrafficConfig(
            routes=[
                Route(served_model_name="stable", traffic_percentage=90),
                Route(served_model_name="next", traffic_percentage=10),
            ]
        ),
        timeout=PATIENCE,
    )
    shares = {route.served_entity_name: route.traffic_percentage for route in split.config.traffic_config.routes}
    check("two versions share the traffic", shares == {"stable": 90, "next": 10}, shares)
    raises(
        "traffic that does not total 100 is BadRequest",
        BadRequest,
        lambda: endpoints.update_config(
            "sdk-chat",
            served_entities=[served("2")],
            traffic_config=TrafficConfig(routes=[Route(served_model_name="main", traffic_percentage=99)]),
        ),
    )


def ask(workspace: WorkspaceClient) -> str:
    message = ChatMessage(role=ChatMessageRole.USER, content="Say hello.")
    return workspace.serving_endpoints.query("sdk-chat", messages=[message]).choices[0].message.content


def side_settings(workspace: WorkspaceClient) -> None:
    """Tags, gateway, notifications, telemetry, permissions."""
    endpoints = workspace.serving_endpoints
    endpoints.patch("sdk-chat", add_tags=[EndpointTag(key="stage", value="test")], delete_tags=["made-by"])
    tags = {tag.key: tag.value for tag in endpoints.get("sdk-chat").tags}
    check("tags are patched", tags == {"stage": "test"}, tags)

    limit = AiGatewayRateLimit(
        calls=60, key=AiGatewayRateLimitKey.USER, renewal_period=AiGatewayRateLimitRenewalPeriod.MINUTE
    )
    endpoints.put_ai_gateway(
        "sdk-chat",
        rate_limits=[limit],
        usage_tracking_config=AiGatewayUsageTrackingConfig(enabled=True),
        inference_table_config=AiGatewayInferenceTableConfig(
            catalog_name="main", schema_name="logs", table_name_prefix="a", enabled=True
        ),
    )
    gateway = endpoints.get("sdk-chat").ai_gateway
    check("a gateway is set", gateway.rate_limits[0].calls == 60 and gateway.usage_tracking_config.enabled, gateway)
    raises(
        "its table cannot be renamed while it is enabled",
        BadRequest,
        lambda: endpoints.put_ai_gateway(
            "sdk-chat",
            inference_table_config=AiGatewayInferenceTableConfig(
                catalog_name="main", schema_name="logs", table_name_prefix="b", enabled=True
            ),
        ),
    )
    endpoints.put_ai_gateway("sdk-chat")
    check(
        "an empty gateway removes it",
        endpoints.get("sdk-chat").ai_gateway is None,
        endpoints.get("sdk-chat").ai_gateway,
    )

    endpoints.update_notifications(
        "sdk-chat", email_notifications=EmailNotifications(on_update_failure=["oncall@example.com"])
    )
    notifications = endpoints.get("sdk-chat").email_notifications
    check("notifications are set", notifications.on_update_failure == ["oncall@example.com"], notifications)

    endpoints.patch_telemetry_config(
        "sdk-chat",
        telemetry_config=TelemetryConfig(
            table_names=UnityCatalogTableNames(logs_table="main.logs.chat"),
            inference_table_config=TelemetryInferenceTableConfig(sampling_fraction=0.5),
        ),
    )
    telemetry = endpoints.get("sdk-chat").telemetry_config
    check(
        "telemetry becomes a profile", telemetry.telemetry_profile_id and telemetry.table_names is None, telemetry
    )
    payload = telemetry.inference_table_config.name
    check("its payload table is named after the logs table", payload == "main.logs.chat_payload", payload)
    endpoints.patch_telemetry_config("sdk-chat")
    check("an empty patch removes it", endpoints.get("sdk-chat").telemetry_config is None)

    ident = endpoints.get("sdk-chat").id
    endpoints.update_permissions(
        ident,
        access_control_list=[
            ServingEndpointAccessControlRequest(
                group_name="support", permission_level=ServingEndpointPermissionLevel.CAN_QUERY
            )
        ],
    )
    levels = grants(endpoints.get_permissions(ident))
    me = workspace.current_user.me().user_name
    check("a grant is added, and the deployer's stays", levels == {"support": "CAN_QUERY", me: "CAN_MANAGE"}, levels)
    catalogue = [level.permission_level.value for level in endpoints.get_permission_levels(ident).permission_levels]
    check("the permission levels are returned", catalogue == ["CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"], catalogue)
    endpoints.set_permissions(
        ident,
        access_control_list=[
            ServingEndpointAccessControlRequest(
                user_name=me, permission_level=ServingEndpointPermissionLevel.CAN_MANAGE
            )
        ],
    )
    levels = grants(endpoints.get_permissions(ident))
    check("setting replaces the direct grants", levels == {me: "CAN_MANAGE"}, levels)


def grants(answer) -> dict:
    """The direct grants only: administrators inherit theirs."""
    return {
        entry.user_name or entry.group_name or entry.service_principal_name: right.permission_level.value
        for entry in answer.access_control_list
        for right in entry.all_permissions
        if not right.inherited
    }


def registry(workspace: WorkspaceClient) -> None:
    check("an alias resolves to a version", workspace.model_versions.get_by_alias(MODEL, "champion").version == 2)
    versions = sorted(version.version for version in workspace.model_versions.list(MODEL))
    check("versions are read across empty pages", versions == [1, 2, 3, 4, 5], versions)
    raises("an unknown alias is NotFound", NotFound, lambda: workspace.model_versions.get_by_alias(MODEL, "no"))


def oauth(host: str) -> None:
    """A service principal with its secret, as the SDK authenticates by itself."""
    config = Config(
        host=host, client_id="setpoint-client", client_secret="client-secret-of-a-test", auth_type="oauth-m2m"
    )
    me = WorkspaceClient(config=config).current_user.me()
    check(
        "databricks-sdk gets an OAuth token and is the service principal",
        me.user_name == "setpoint-client",
        me.user_name,
    )


def mlflow_deployments(host: str) -> None:
    os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"] = host, TOKEN
    from mlflow.deployments import get_deploy_client

    client = get_deploy_client("databricks")
    entity = {
        "name": "main",
        "entity_name": MODEL,
        "entity_version": "1",
        "workload_size": "Small",
        "scale_to_zero_enabled": False,
    }
    client.create_endpoint(config={"name": "mlflow-chat", "config": {"served_entities": [entity]}})
    for _ in range(3):
        read = client.get_endpoint("mlflow-chat")
    check("mlflow creates and reads an endpoint", read["state"]["ready"] == "READY", read["state"])
    check("and lists it", "mlflow-chat" in [item["name"] for item in client.list_endpoints()])
    answer = client.predict(endpoint="mlflow-chat", inputs={"messages": [{"role": "user", "content": "Say hello."}]})
    check("and queries it", answer["choices"][0]["message"]["content"] == "Hello from v1", answer)
    client.update_endpoint_config("mlflow-chat", config={"served_entities": [entity | {"entity_version": "2"}]})
    for _ in range(3):
        read = client.get_endpoint("mlflow-chat")
    check("and updates it", read["config"]["served_entities"][0]["entity_version"] == "2", read["config"])
    client.update_endpoint_tags("mlflow-chat", config={"add_tags": [{"key": "team", "value": "nlp"}]})
    check("and tags it", {"key": "team", "value": "nlp"} in client.get_endpoint("mlflow-chat")["tags"])
    client.delete_endpoint("mlflow-chat")
    check("and deletes it", "mlflow-chat" not in [item["name"] for item in client.list_endpoints()])


def main() -> int:
    parser = argparse.ArgumentParser(description="Drive the test workspace with the Databricks SDK and MLflow.")
    parser.add_argument("--workspace", required=True, help="the program workspace-double")
    program = parser.parse_args().workspace
    with subprocess.Popen([program, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            host = process.stdout.readline().strip()
            workspace = WorkspaceClient(host=host, token=TOKEN)
            life_of_an_endpoint(workspace)
            side_settings(workspace)
            registry(workspace)
            workspace.serving_endpoints.delete("sdk-chat")
            raises("reading after a delete is NotFound", NotFound, lambda: workspace.serving_endpoints.get("sdk-chat"))
            oauth(host)
            mlflow_deployments(host)
        except Exception as error:  # an exception of the clients is a failed check too, printed with its location
            traceback.print_exc(file=sys.stdout)
            check("the clients finish", False, error)
        finally:
            process.terminate()
    return exit_status()


if __name__ == "__main__":
    sys.exit(main())
