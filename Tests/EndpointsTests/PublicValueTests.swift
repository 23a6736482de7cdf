import Endpoints
import Testing

/// Which environment values are shown, stored and written to manifests.
@Suite struct PublicValueTests {
  @Test(arguments: [
    ("AWS_SECRETKEY", "x"), ("MINIO_ACCESSKEY", "x"), ("PRIVATEKEY", "x"), ("secretKey", "x"), ("signingKey", "x"),
    ("API_KEYS", "x"), ("ADMIN_TOKENS", "x"), ("DB_PASSWORDS", "1"), ("DB_CREDS", "x"), ("PGPASSWD", "x"),
    ("PGPASS", "sunshine"), ("DBPASS", "sunshine"), ("DBPWD", "sunshine"), ("ADMIN_PW", "sunshine"), ("PASS", "x"),
    ("PIN", "1234"), ("PASSWORD1", "x"), ("TOKEN2", "x"), ("HFTOKEN2", "x"), ("hfToken", "x"), ("AUTH", "x"),
    ("CREDENTIALS", "x"),
    ("SLACK_WEBHOOK_URL", "https://hooks.example.com/services/T1/B2/c3"),
    ("CONNECTION_STRING", "Server=db;User=u;Password=p"), ("STORAGE", "AccountName=a;AccountKey=p;"),
    ("DB", "jdbc:postgresql://db/x?user=u&password=p"), ("REPO_URL", "https://abc@git.example.com/m.git"),
    ("HTTPS_PROXY", "user:pw@proxy:3128"), ("TLS", "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"),
    ("ACCOUNT", #"{"type":"service_account","private_key":"x"}"#), ("BLOB", "https://a.example.com/c?sv=1&sig=x"),
    ("LICENCE", "hunter2hunter2"), ("HOME", "/Zm9vYmFyYmF6cXV4"),
    ("SETPOINT_ENGINE_ARGS", #"["--hf-overrides","{\"token\":\"hf_abcDEF0123456789\"}"]"#),
  ])
  func `a value is hidden, and not written to a manifest, if its name or form suggests a credential`(
    variable: String, value: String
  ) {
    #expect(PublicValue.looksLikeCredential(variable: variable, value: value))
    #expect(PublicValue.mayBeCredential(variable: variable, value: value))
    #expect(!PublicValue.isPublic(variable: variable, value: value))
  }

  @Test(arguments: [
    ("MAX_NUM_BATCHED_TOKENS", "8192"), ("LEVEL", "INFO"), ("LEVEL", "debug"), ("FLAG", "True"), ("RATE", "0.95"),
    ("EMPTY", ""), ("DEVICES", "0,1,2,3"), ("BACKENDS", "xformers, FLASHINFER"), ("DTYPE", "bfloat16"),
    ("DTYPE", "fp8"), ("BACKEND", "FLASH_ATTN"), ("INTERFACE", "eth0"), ("DEVICE", "cuda:0"), ("REGION", "us-east-1"),
    ("SPACE", "10GiB"), ("HF_HOME", "/models/qwen3/cache"), ("MONKEY", "see"), ("HF_TOKEN", "{{secrets/llm/hf}}"),
    ("CACHE_BYPASS", "true"), ("COMPASS", "north"), ("PINNED", "true"), ("SSH_ASKPASS", "/usr/bin/ask"),
    ("SETPOINT_ENGINE_ARGS", #"["--max-num-batched-tokens","8192"]"#),
    ("SETPOINT_ADAPTERS", #"[{"model":"main.support.secret","name":"secret","version":"3"}]"#),
  ])
  func `numbers, words, paths and secret references are shown`(variable: String, value: String) {
    #expect(!PublicValue.mayBeCredential(variable: variable, value: value))
    #expect(!PublicValue.looksLikeCredential(variable: variable, value: value))
  }

  @Test(arguments: [
    "correct-horse-battery", "Tr0ub4dor", "tr$Ub-4d", "AB12-CD34-EF56", "hunter2", "fooBarBaz", "über", "a b",
    "http://collector:4317", "k=v", "/Zm9vYmFy", "abcdefghijklmnop", "12345678901",
  ])
  func `any other value is hidden, but written to a manifest, which needs it`(value: String) {
    #expect(PublicValue.mayBeCredential(variable: "OTHER", value: value))
    #expect(!PublicValue.looksLikeCredential(variable: "OTHER", value: value))
  }
}
