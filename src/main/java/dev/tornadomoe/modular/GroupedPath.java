package dev.tornadomoe.modular;

import static dev.tornadomoe.modular.ExpertOperands.ACTIVATED;
import static dev.tornadomoe.modular.ExpertOperands.EXPERT_OFFSETS;
import static dev.tornadomoe.modular.ExpertOperands.PAIR_ORDER;

import java.util.List;

/// The way of many tokens: pairs are sorted by expert, so that each weight is read once for all
/// tokens of its expert.
final class GroupedPath {
  private GroupedPath() {}

  static List<Workspace> workspaces(Problem problem) {
    return List.of(
        Workspace.ints(PAIR_ORDER, problem.pairs()),
        Workspace.ints(EXPERT_OFFSETS, problem.localExperts() + 1L),
        Workspace.floats(ACTIVATED, problem.pairs(), problem.intermediate()));
  }

  /// Up to the experts' unweighted rows.
  ///
  /// @param rows `[P, H]` in pair order
  static List<Operation> operations(ExpertInput input, Operand rows) {
    return List.of(
        new RouteOperation.GroupByExpert(input.ids(), PAIR_ORDER, EXPERT_OFFSETS),
        new ExpertOperation.GroupedGateUp(input.rows(), PAIR_ORDER, EXPERT_OFFSETS, ACTIVATED),
        new ExpertOperation.GroupedDown(ACTIVATED, PAIR_ORDER, EXPERT_OFFSETS, rows));
  }
}
