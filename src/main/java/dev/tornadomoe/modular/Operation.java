package dev.tornadomoe.modular;

import java.util.List;

/// What a step does: the instructions that backends carry out. Each names its operands, so what it
/// reads and writes can't differ from what it declares.
///
/// Each family is sealed and has a file, and a backend's switch has no default: an operation that a
/// backend forgets does not compile.
///
/// Shapes: M tokens, H hidden size, I intermediate size, E experts, k experts per token, P = M*k
/// pairs. Pair `t*k + s` is token t with its s-th expert. All values are F32 and all indices I32
/// unless the caller's own memory has another type. A copy, the experts' rows of pairs and a sum
/// that writes finished rows are then rounded as they are written, to nearest.
public sealed interface Operation
    permits RowOperation, RouteOperation, WeightOperation, CustomOperation {

  /// {@return what it reads and writes, in no particular order; each operand once}
  List<Access> accesses();

  /// {@return a short name for plans and messages}
  String name();
}
