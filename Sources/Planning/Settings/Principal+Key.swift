internal import Endpoints

extension Principal {
  /// How a plan names the grant: `group=support`.
  var key: String {
    switch self {
    case .user(let name): "user=\(name)"
    case .group(let name): "group=\(name)"
    case .servicePrincipal(let id): "servicePrincipal=\(id)"
    }
  }
}
