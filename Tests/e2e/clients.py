#!/usr/bin/env python3
"""Common clients against a plane: the Databricks SDK and the OpenAI SDK.

    DATABRICKS_HOST=http://127.0.0.1:7387 DATABRICKS_TOKEN=... clients.py --model main.support.hello

The model's versions 1 and 2 must be registered, and answer "Hello from v1" and "Hello from v2" (scripts/make-model.py).
Prints one line per check, `ok ...` or `FAILED ...`, and exits with 1 if any failed. Requires scripts/clients.txt.
"""

import argparse
import datetime
import json
import os
import sys
import time
import traceback
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.message import Message

import openai
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.service.serving import (
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
    ServingModelWorkloadType,
    TelemetryConfig,
    TelemetryInferenceTableConfig,
    TrafficConfig,
    UnityCatalogTableNames,
)
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from claims import check, exit_status

ENDPOINT = "sdk-chat"
SLEEPER = "sdk-zero"
PATIENCE = datetime.timedelta(minutes=10)
LONG_TOKENS = 200
STREAMS_TRIED = 5
ERROR_MEMBERS = {"error_code", "message", "request_id"}


def served(model: str, version: str) -> ServedEntityInput:
    return ServedEntityInput(
        name=f"hello-{version}",
        entity_name=model,
        entity_version=version,
        workload_type=ServingModelWorkloadType.CPU,
        workload_size="Small",
        scale_to_zero_enabled=False,
    )


def manage_with_databricks(workspace: WorkspaceClient, model: str) -> None:
    """Create, wait, read, list, query, update, tag, logs."""
    endpoints = workspace.serving_endpoints
    config = EndpointCoreConfigInput(name=ENDPOINT, served_entities=[served(model, "1")])
    created = endpoints.create_and_wait(
        name=ENDPOINT, config=config, tags=[EndpointTag(key="made-by", value="sdk")], timeout=PATIENCE
    )
    check(
        "databricks-sdk creates an endpoint and waits for it",
        created.state.ready is EndpointStateReady.READY,
        created.state,
    )

    read = endpoints.get(ENDPOINT)
    entity = read.config.served_entities[0]
    check("it reads the endpoint back", (entity.entity_name, entity.entity_version) == (model, "1"), entity)
    check("with its tag", [(tag.key, tag.value) for tag in read.tags or []].count(("made-by", "sdk")) == 1, read.tags)
    check("it lists the endpoint", ENDPOINT in [item.name for item in endpoints.list()])

    answer = ask_with_databricks(workspace)
    check("it queries the endpoint", answer == "Hello from v1", answer)

    updated = endpoints.update_config_and_wait(
        name=ENDPOINT,
        served_entities=[served(model, "2")],
        traffic_config=TrafficConfig(routes=[Route(served_model_name="hello-2", traffic_percentage=100)]),
        timeout=PATIENCE,
    )
    state = updated.state.config_update
    check("it updates the endpoint and waits", state is EndpointStateConfigUpdate.NOT_UPDATING, updated.state)
    answer = ask_with_databricks(workspace)
    check("then version 2 answers", answer == "Hello from v2", answer)

    endpoints.patch(ENDPOINT, add_tags=[EndpointTag(key="stage", value="test")], delete_tags=["made-by"])
    tags = {tag.key: tag.value for tag in endpoints.get(ENDPOINT).tags or []}
    check("it patches tags", tags == {"stage": "test"}, tags)


def set_with_databricks(workspace: WorkspaceClient) -> None:
    """Gateway, notifications, telemetry."""
    endpoints = workspace.serving_endpoints
    version = endpoints.get(ENDPOINT).config.config_version
    limit = AiGatewayRateLimit(
        calls=6000, key=AiGatewayRateLimitKey.USER, renewal_period=AiGatewayRateLimitRenewalPeriod.MINUTE
    )
    endpoints.put_ai_gateway(
        ENDPOINT,
        rate_limits=[limit],
        usage_tracking_config=AiGatewayUsageTrackingConfig(enabled=True),
        inference_table_config=AiGatewayInferenceTableConfig(catalog_name="main", schema_name="logs", enabled=True),
    )
    gateway = endpoints.get(ENDPOINT).ai_gateway
    check(
        "it sets the gateway",
        gateway.rate_limits[0].calls == 6000 and gateway.inference_table_config.enabled,
        gateway,
    )
    endpoints.update_notifications(
        ENDPOINT, email_notifications=EmailNotifications(on_update_failure=["oncall@example.com"])
    )
    notifications = endpoints.get(ENDPOINT).email_notifications
    check("it sets notifications", notifications.on_update_failure == ["oncall@example.com"], notifications)
    endpoints.patch_telemetry_config(
        ENDPOINT,
        telemetry_config=TelemetryConfig(
            table_names=UnityCatalogTableNames(logs_table="main.logs.chat"),
            inference_table_config=TelemetryInferenceTableConfig(sampling_fraction=0.5),
        ),
    )
    telemetry = endpoints.get(ENDPOINT).telemetry_config
    payload = telemetry.inference_table_config.name
    check("it sets telemetry", telemetry.telemetry_profile_id and payload == "main.logs.chat_payload", telemetry)

    endpoints.put_ai_gateway(ENDPOINT)
    endpoints.patch_telemetry_config(ENDPOINT)
    read = endpoints.get(ENDPOINT)
    check("it removes both", (read.ai_gateway, read.telemetry_config) == (None, None), read)
    check("without a new config version", read.config.config_version == version, read.config)


def export_with_databricks(workspace: WorkspaceClient, host: str, token: str) -> None:
    """Metrics, read by the Databricks SDK and by the parsers of Prometheus's own library."""
    text = workspace.serving_endpoints.export_metrics(ENDPOINT).contents.read().decode()
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    check("it exports an endpoint's metrics", "request_count_total" in families, sorted(families))
    entities = {sample.labels["served_entity_name"] for sample in families["request_count_total"].samples}
    check("of its served entities", "hello-2" in entities, entities)
    path = f"/api/2.0/serving-endpoints/{ENDPOINT}/metrics"
    text = get_text(host, token, path, "application/openmetrics-text")
    families = {family.name for family in openmetrics.text_string_to_metric_families(text)}
    check("and as OpenMetrics", "request_latency_ms" in families, sorted(families))
    text = get_text(host, token, "/metrics", "text/plain")
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    # Without the ending of counters.
    counted = [sample for sample in families["setpoint_requests"].samples if sample.labels["endpoint"] == ENDPOINT]
    check("Prometheus reads the plane's metrics", sum(sample.value for sample in counted) > 0, counted)


def get_text(host: str, token: str, path: str, accept: str) -> str:
    request = urllib.request.Request(host + path, headers={"Authorization": f"Bearer {token}", "Accept": accept})
    with urllib.request.urlopen(request, timeout=PATIENCE.total_seconds()) as answer:
        return answer.read().decode()


def ask_with_databricks(workspace: WorkspaceClient) -> str:
    message = ChatMessage(role=ChatMessageRole.USER, content="Say hello.")
    response = workspace.serving_endpoints.query(ENDPOINT, messages=[message], max_tokens=16)
    return response.choices[0].message.content


def delete_with_databricks(workspace: WorkspaceClient) -> None:
    endpoints = workspace.serving_endpoints
    endpoints.delete(ENDPOINT)
    try:
        endpoints.get(ENDPOINT)
        check("it deletes the endpoint", False, "the endpoint still exists")
    except NotFound as absent:
        check("it deletes the endpoint: then reading it is NotFound", ENDPOINT in str(absent), str(absent))


def chat_with_openai(host: str, token: str, path: str) -> None:
    """Chat, with and without streaming, and the error for an unknown model, as the OpenAI SDK sees them."""
    client = openai.OpenAI(base_url=f"{host}{path}", api_key=token, max_retries=0)
    messages = [{"role": "user", "content": "Say hello."}]

    whole = client.chat.completions.create(model=ENDPOINT, messages=messages)
    text = whole.choices[0].message.content
    check(f"openai chats at {path}", text == "Hello from v2", text)
    check("with usage", whole.usage and whole.usage.completion_tokens == 4, whole.usage)

    pieces = pieces_of(client.chat.completions.create(model=ENDPOINT, messages=messages, stream=True))
    check(f"openai streams at {path}", "".join(pieces) == "Hello from v2", pieces)
    check("a long answer arrives in chunks", len(long_pieces(client, messages)) > 1, "one chunk each time")

    try:
        client.chat.completions.create(model="no-such-endpoint", messages=messages)
        check("an unknown model is an error", False, "an answer")
    except openai.NotFoundError as error:
        check("an unknown model is NotFoundError, which names it", "no-such-endpoint" in str(error), str(error))


def generate(host: str, token: str) -> None:
    """The plane's own form of requests and answers, with and without streaming, and an error of vLLM."""
    path = f"/serving-endpoints/{ENDPOINT}/generate"
    status, text, headers = post(host, token, path, {"prompt": "Say hello.", "max_tokens": 16})
    answer = json.loads(text)
    check("generate answers a prompt", status == 200 and answer["generated_text"] == "Hello from v2", text)
    check("with the version and the token counts", (answer["model_version"], answer["tokens_out"]) == ("2", 4), text)
    check("and the ID of its header", answer["request_id"] == headers["x-request-id"], text)

    _, text, _ = post(host, token, path, {"prompt": "Say hello.", "max_tokens": 16, "stream": True})
    events = [json.loads(event.removeprefix("data: ")) for event in text.strip().split("\n\n")]
    check("generate streams", "".join(event["text"] for event in events[:-1]) == "Hello from v2", text)
    check("and ends with the figures", events[-1].get("tokens_out") == 4 and "latency_ms" in events[-1], text)

    status, text, _ = post(host, token, path, {"prompt": "Say hello.", "max_tokens": 10_000_000})
    error = json.loads(text)
    check("an error of vLLM has the same form", (status, set(error)) == (400, ERROR_MEMBERS), text)
    check("and vLLM's message", "max_tokens" in error["message"], text)


def scale_to_zero(workspace: WorkspaceClient, host: str, token: str, model: str) -> None:
    """An idle endpoint stops its replica; ten requests at once start one, and all are answered."""
    endpoints = workspace.serving_endpoints
    entity = served(model, "1")
    entity.scale_to_zero_enabled = True
    entity.environment_vars = {"SETPOINT_PLANE": json.dumps({"idleAfter": "5s"})}
    config = EndpointCoreConfigInput(name=SLEEPER, served_entities=[entity])
    endpoints.create_and_wait(name=SLEEPER, config=config, timeout=PATIENCE)
    end = time.monotonic() + PATIENCE.total_seconds()
    while time.monotonic() < end and not sleeps(workspace):
        time.sleep(0.25)
    state = endpoints.get(SLEEPER).state.ready
    check("an idle endpoint is scaled to zero", sleeps(workspace), endpoints.get(SLEEPER).config)
    check("and is still READY", state is EndpointStateReady.READY, state)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: ask_with_urllib(host, token, SLEEPER), range(10)))
    check("ten held requests are answered", {text for text, _ in answers} == {"Hello from v1"}, answers)
    check("with the time of the cold start", any(cold for _, cold in answers), answers)
    endpoints.delete(SLEEPER)


def sleeps(workspace: WorkspaceClient) -> bool:
    state = workspace.serving_endpoints.get(SLEEPER).config.served_entities[0].state
    return (state.deployment_state_message or "").startswith("Scaled to zero")


def ask_with_urllib(host: str, token: str, endpoint: str) -> tuple[str, str | None]:
    """The answer and the header with the time of the cold start."""
    body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16}
    _, text, headers = post(host, token, f"/serving-endpoints/{endpoint}/invocations", body)
    return json.loads(text)["choices"][0]["message"]["content"], headers["x-setpoint-cold-start-ms"]


def post(host: str, token: str, path: str, body: dict) -> tuple[int, str, Message]:
    """The status, the body and the headers of the response, also of an error."""
    request = urllib.request.Request(
        host + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE.total_seconds()) as response:
            return response.status, response.read().decode(), response.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def pieces_of(stream) -> list[str]:
    return [choice.delta.content for chunk in stream for choice in chunk.choices if choice.delta.content]


def long_pieces(client: openai.OpenAI, messages: list[dict]) -> list[str]:
    """The chunks of a long answer. If its server was delayed, vLLM merges chunks; the request is then repeated."""
    for _ in range(STREAMS_TRIED):
        stream = client.chat.completions.create(
            model=ENDPOINT, messages=messages, stream=True, max_tokens=LONG_TOKENS, extra_body={"ignore_eos": True}
        )
        pieces = pieces_of(stream)
        if len(pieces) > 1:
            break
    check("and complete", set("".join(pieces).strip().split("\n")) == {"Hello from v2"}, pieces)
    return pieces


def main() -> int:
    parser = argparse.ArgumentParser(description="Drive a plane with the Databricks and OpenAI SDKs.")
    parser.add_argument("--model", required=True, help="a registered model with versions 1 and 2")
    model = parser.parse_args().model
    host, token = os.environ["DATABRICKS_HOST"], os.environ["DATABRICKS_TOKEN"]
    workspace = WorkspaceClient(host=host, token=token)
    try:
        manage_with_databricks(workspace, model)
        set_with_databricks(workspace)
        for path in ("/serving-endpoints", "/v1"):
            chat_with_openai(host, token, path)
        generate(host, token)
        export_with_databricks(workspace, host, token)
        delete_with_databricks(workspace)
        scale_to_zero(workspace, host, token, model)
    except Exception as error:  # an exception of the SDKs is a failed check too, and is printed with its location
        traceback.print_exc(file=sys.stdout)
        check("the clients finish", False, error)
    return exit_status()


if __name__ == "__main__":
    sys.exit(main())
