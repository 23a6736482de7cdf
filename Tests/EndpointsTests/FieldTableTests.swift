import Endpoints
import Testing

@Suite struct `The field table` {
  private func every(_ type: ObjectType) -> [Field] {
    type.fields.flatMap { [$0] + below($0.type) }
  }

  private func below(_ type: FieldType) -> [Field] {
    switch type {
    case .object(let type), .objectOrList(let type, _): every(type)
    case .list(let item, _): below(item)
    default: []
    }
  }

  @Test func `every required field with a single value has an example`() {
    for field in every(ManifestSchema.document) where field.presence != .optional {
      switch field.type {
      case .text, .version: #expect(field.example?.hasPrefix(field.name + ": ") == true, "\(field.name)")
      default: break
      }
    }
  }

  @Test func `no field appears twice in one mapping, aliases included`() {
    func check(_ type: ObjectType) {
      let names = type.fields.flatMap { [$0.name] + $0.otherNames }
      #expect(Set(names).count == names.count, "\(names)")
      for field in type.fields { descend(field.type) }
    }
    func descend(_ type: FieldType) {
      switch type {
      case .object(let type), .objectOrList(let type, _): check(type)
      case .list(let item, _): descend(item)
      default: break
      }
    }
    check(ManifestSchema.document)
  }

  @Test func `a field that may be one object or a list has that list`() {
    for field in every(ManifestSchema.document) {
      guard case .objectOrList(let type, let name) = field.type else { continue }
      let listed = type.fields.first { $0.name == name }
      if case .list? = listed?.type { continue }
      Issue.record("\(field.name) has no list \(name)")
    }
  }
}
