import Testing

@testable import ServingPlane

@Suite struct EngineBatchTests {
  @Test(arguments: [
    ("python -m vllm.entrypoints.openai.api_server --model m", nil, 256),
    ("vllm serve m --max-num-seqs 16", nil, 16), ("vllm serve m --max-num-seqs=16", nil, 16),
    ("vllm serve m --max_num_seqs 512 --port {port}", nil, 512),
    ("vllm serve m --max-num-seqs 16", #"["--max-num-seqs", "64"]"#, 64),
    ("vllm serve m", #"["--dtype", "float16", "--max-num-seqs=1024"]"#, 1024),
    ("vllm serve m --max-num-seqs many", nil, 256), ("vllm serve 'm", nil, 256), ("vllm serve m", "{", 256),
    ("vllm serve m --max-num-seqs", nil, 256), ("A=1 vllm serve $MODEL --max-num-seqs 8", nil, 8),
  ])
  func `a replica gets as many concurrent requests as its engine batches`(
    entrypoint: String, engine: String?, size: Int
  ) {
    let environment = engine.map { ["SETPOINT_ENGINE_ARGS": $0] } ?? [:]
    #expect(EngineBatch.size(entrypoint: entrypoint, environment: environment) == size)
  }
}
