"""A simulated day of an endpoint, written into the telemetry file of a stopped plane."""

import contextlib
import pathlib
import sqlite3
import time

REQUESTS = 864_000  # ten a second
SECONDS = 24 * 60 * 60
SCRAPE_SECONDS = 15
REPLICAS = 2

# Every column has a value as a real request has it. The second version replaces the first one at noon; one request of
# 50 fails, one of 10 is not a stream. Numbers that are derived from the row's stand for random ones: each run is alike.
REQUEST_ROWS = """
INSERT INTO requests (request_id, time, principal, endpoint, entity, model_version, replica, route, status,
    error_code, error, queue_ms, ttft_ms, latency_ms, itl_ms, tokens_in, tokens_out, streamed, finish_reason,
    cold_start, attempts, bytes_in, bytes_out, metadata)
  WITH RECURSIVE request (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM request WHERE n + 1 < :count),
  mixed (n, a, b, failed) AS (
    SELECT n, n * 2654435761 % 1000003, n * 40503 % 65537, n * 7919 % 50 = 0 FROM request)
  SELECT
    printf('%08x-%04x-4%03x-8%03x-%012x', a, b % 65536, n % 4096, a % 4096, n * 2654435761 % 281474976710656),
    :start + n * 86400000 / :count, printf('team-%d', a % 40), :endpoint, 'main',
    CASE WHEN n * 2 < :count THEN '1' ELSE '2' END,
    printf('%012x', n % :replicas), 'chat/completions', CASE WHEN failed THEN 503 ELSE 200 END,
    CASE WHEN failed THEN 'TEMPORARILY_UNAVAILABLE' END,
    CASE WHEN failed THEN 'endpoint "support-chat" has no room for another request; retry later' END,
    a % 400 / 10.0, CASE WHEN NOT failed THEN 40 + a % 900 / 10.0 END, 200 + b % 20000 / 10.0,
    CASE WHEN NOT failed THEN 8 + a % 90 / 10.0 END, 100 + a % 1900, CASE WHEN NOT failed THEN 20 + b % 480 END,
    n % 10 > 0, CASE WHEN NOT failed THEN CASE WHEN b % 5 = 0 THEN 'length' ELSE 'stop' END END, 0, 1,
    800 + a % 9000, 2000 + b % 40000, NULL
  FROM mixed
"""

# Gauges and sums that change at every scrape, and as many histograms as vLLM has of latencies and lengths.
METRIC_ROWS = """
INSERT INTO otel_metrics (time, endpoint, entity, model, model_version, replica, name, description, unit, metric_type,
    start_time_unix_nano, time_unix_nano, until_unix_nano, value, is_monotonic, histogram, attributes)
  WITH RECURSIVE scrape (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM scrape WHERE n + 1 < :count),
  replica (r) AS (SELECT 0 UNION ALL SELECT r + 1 FROM replica WHERE r + 1 < :replicas),
  series (name, type) AS (VALUES
    ('vllm:num_requests_running', 'GAUGE'), ('vllm:num_requests_waiting', 'GAUGE'),
    ('vllm:kv_cache_usage_perc', 'GAUGE'), ('vllm:num_preemptions', 'SUM'), ('vllm:prompt_tokens', 'SUM'),
    ('vllm:generation_tokens', 'SUM'), ('vllm:request_success', 'SUM'),
    ('vllm:time_to_first_token_seconds', 'HISTOGRAM'),
    ('vllm:inter_token_latency_seconds', 'HISTOGRAM'), ('vllm:e2e_request_latency_seconds', 'HISTOGRAM'),
    ('vllm:request_queue_time_seconds', 'HISTOGRAM'), ('vllm:request_prompt_tokens', 'HISTOGRAM'),
    ('vllm:request_generation_tokens', 'HISTOGRAM'))
  SELECT :start + n * :step, :endpoint, 'main', :model, CASE WHEN n * 2 < :count THEN '1' ELSE '2' END,
    printf('%012x', r), name, 'A metric of the engine, as it describes it itself.', '', type,
    CASE WHEN type <> 'GAUGE' THEN :start * 1000000 END, (:start + n * :step) * 1000000,
    (:start + (n + 1) * :step) * 1000000,
    CASE type WHEN 'GAUGE' THEN n * 7919 % 100 / 100.0 WHEN 'SUM' THEN n * 4000 END,
    CASE type WHEN 'SUM' THEN 1 END,
    CASE type WHEN 'HISTOGRAM' THEN json_object('aggregation_temporality', 'CUMULATIVE', 'count', n * 75,
      'sum', n * 9.5, 'explicit_bounds',
      json('[0.001,0.005,0.01,0.02,0.04,0.06,0.08,0.1,0.25,0.5,0.75,1,2.5,5,7.5,10]'),
      'bucket_counts', json_array(0, 0, n, n * 2, n * 8, n * 16, n * 16, n * 16, n * 8, n * 4, n * 2, n, n, 0, 0, 0, 0))
    END,
    json_object('model_name', :model, 'engine', '0')
  FROM scrape, replica, series
"""


def write(file: pathlib.Path, endpoint: str, model: str, requests: int = REQUESTS) -> float:
    """Adds the day that has just ended. Returns the size of the file in MiB."""
    start = int(time.time() - SECONDS) * 1000
    common = {"start": start, "endpoint": endpoint, "model": model, "replicas": REPLICAS}
    # Closing it writes SQLite's log into the file.
    with contextlib.closing(sqlite3.connect(file)) as database:
        with database:
            database.execute(REQUEST_ROWS, common | {"count": requests})
            scrapes = {"count": SECONDS // SCRAPE_SECONDS, "step": SCRAPE_SECONDS * 1000}
            database.execute(METRIC_ROWS, common | scrapes)
    return sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*")) / (1 << 20)
