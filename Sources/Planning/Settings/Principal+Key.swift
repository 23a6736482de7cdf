internal import Endpoints

extension Principal {
  /// The name of the grant in a plan: `group=support`.
  var key: String {
    switch self {
    case .user(let name): "user=\(name)"
    case .group(let name): "group=\(name)"
    case .servicePrincipal(let id): "servicePrincipal=\(id)"
    }
  }
}
