package dev.tornadomoe.parallel;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation.OperandMemory;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.TopKWeightAndReduce;
import dev.tornadomoe.modular.Workspace;
import java.util.List;

/// The experts' results on their way back, in one of the [CombineMode]s: which rows they are, where
/// they belong, and what is left to sum.
interface ReturnedRows {

  /// The most rows that a rank sends back for a token.
  int rowsOfToken();

  /// What holds the results that came back, for so many tokens.
  List<Workspace> workspaces(int tokens);

  /// What the step that exchanges them reads and writes.
  List<Access> accesses();

  /// Called before the others in each call.
  void begin(OperandMemory memory, int tokens);

  /// Adds what the experts here made of a rank's tokens.
  void addResultsFor(int rank, OperandMemory memory, Message message);

  /// Adds where a rank's results for our tokens belong, in the same order.
  void addPlacesFor(int rank, OperandMemory memory, Message message);

  /// Copies our own experts' results for some of our own tokens.
  ///
  /// @param firstRow of those that we sent to ourselves, all of them on the same side of others'
  /// @param endRow behind the last
  void bringBack(OperandMemory memory, int firstRow, int endRow);

  /// What makes finished rows of the results.
  ///
  /// @param reduce what the experts have left to do
  /// @param weighted whether the router's weights are to be applied
  /// @param target the rows `[M, H]`
  List<Operation> reduce(TopKWeightAndReduce reduce, boolean weighted, Operand target);
}
