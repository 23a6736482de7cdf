import Glibc

/// Kills a process, and collects it if it is a child of this one: the thread on which Swift Testing waits for its exit
/// tests spins while any other child is dead and not collected.
func endAndCollect(_ pid: Int32) {
  kill(pid, SIGKILL)
  var status: CInt = 0
  waitpid(pid, &status, 0)
}
