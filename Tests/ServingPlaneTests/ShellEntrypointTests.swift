import Testing

@testable import ServingPlane

struct ShellEntrypointTests {
  private func refusal(_ entrypoint: String) -> String? {
    do throws(EntrypointError) {
      try ShellEntrypoint.check(entrypoint)
      return nil
    } catch {
      return error.description
    }
  }

  @Test(arguments: [
    (
      "env -u X bash -c 'A=1 && python -u -m vllm.entrypoints.openai.api_server --model . --host 0.0.0.0 --port 8080'",
      "\"A=1 python -u -m vllm.entrypoints.openai.api_server --model . --host 0.0.0.0 --port 8080\""
    ),
    (
      "bash -lc 'pip install x; exec python -m v --model .'",
      "\"python -m v --model .\" (and run \"pip install x\" beforehand)"
    ),
    ("/bin/sh -ec \"set -e\nexport B=2\nexec vllm serve .\"", "\"B=2 vllm serve .\""),
    ("nohup bash -o pipefail -c 'vllm serve .'", "\"vllm serve .\""),
    ("timeout 60 zsh --login -c 'vllm serve .'", "vllm serve"),
    ("busybox sh -c 'vllm serve .'", "vllm serve"), ("A=1 dash -c 'vllm serve .'", "\"A=1 vllm serve .\""),
    ("env -S 'bash -c x'", "--port {port}"), ("bash -c ''", "use the server's command directly"),
  ])
  func `an entrypoint in a shell is refused with what to write instead`(_ entrypoint: String, _ advice: String) {
    let refusal = refusal(entrypoint)
    #expect(refusal?.contains("runs a script in a shell") == true, "\(entrypoint)")
    #expect(refusal?.contains(advice) == true, "\(refusal ?? "")")
    #expect(refusal?.contains("{port}") == true)
  }

  @Test(arguments: [
    "bash -c 'exec vllm serve . --host 127.0.0.1 --port {port}'", "sh -c 'vllm serve . --port $PORT'",
    "bash -lc \"vllm serve . --port ${PORT}\"", "bash serve.sh", "./serve.sh --fast", "python -m vllm --model bash",
    "python -c 'import x'", "vllm serve . --served-model-name sh -c", "env -u X A=1 python -m v",
  ])
  func `an entrypoint that names the port, or runs no script in a shell, is accepted`(_ entrypoint: String) {
    #expect(refusal(entrypoint) == nil)
  }

  @Test func `a script that sets devices is always refused`() {
    let refusal = refusal("bash -c 'CUDA_VISIBLE_DEVICES=0 vllm serve . --port {port}'")
    #expect(refusal?.contains("the serving plane assigns them") == true)
  }
}
