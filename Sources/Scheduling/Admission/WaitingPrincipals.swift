/// The slots of the waiting requests by principal: how many each has, and which is the newest. Everything takes O(1).
struct WaitingPrincipals: Sendable {
  private var names = SlotNames<String>()
  /// The slots of each principal's requests; the newest is the last.
  private var requests = SlotLists(count: 0)
  /// The principals by number of requests: those with n requests are in list n.
  private var principals = SlotLists(count: 1)
  /// The number of requests of the principal with the most.
  private(set) var most = 0

  func count(of principal: String) -> Int { names.find(principal).map { requests.count(of: $0) } ?? 0 }

  /// The slot of the newest request of the principal with the most; of several, of the one that has had so many for the
  /// longest time.
  var newestOfLargest: Int? { principals.first(of: most).flatMap { requests.last(of: $0) } }

  /// Adds a request that has arrived after all others of its principal.
  mutating func append(_ slot: Int, of principal: String) {
    let owner = owner(of: slot, principal)
    requests.append(slot, to: owner)
    sort(owner)
  }

  /// Adds a request that waits again. It does not count as the newest while its principal has others.
  mutating func prepend(_ slot: Int, of principal: String) {
    let owner = owner(of: slot, principal)
    requests.prepend(slot, to: owner)
    sort(owner)
  }

  mutating func remove(_ slot: Int) {
    guard let owner = requests.list(of: slot) else { return }
    requests.remove(slot)
    sort(owner)
  }

  private mutating func owner(of slot: Int, _ principal: String) -> Int {
    let owner = names.slot(for: principal)
    requests.makeRoom(for: slot)
    requests.makeRoom(forList: owner)
    principals.makeRoom(for: owner)
    return owner
  }

  /// Moves a principal to the list for its number of requests, which has changed by one.
  private mutating func sort(_ owner: Int) {
    let count = requests.count(of: owner)
    principals.remove(owner)
    if count == 0 {
      names.remove(owner)
    } else {
      principals.makeRoom(forList: count)
      principals.append(owner, to: count)
    }
    if count > most {
      most = count
    } else if most > 0, principals.count(of: most) == 0 {
      most -= 1
    }
  }
}
