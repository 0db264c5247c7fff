package dev.tornadomoe.backend.cpu.step;

/// Which rows go through which projection: groups of rows that share one, so that its weights are
/// read once for all of them.
public interface TokenGroups {

  /// Takes in the call's routing.
  ///
  /// @return how many groups have rows
  int begin(int tokens);

  /// The projection of a group, as an index.
  int projection(int group);

  /// How many rows it has, at least one and no more than [Scratch#TOKENS].
  int size(int group);

  /// The input row of its i-th row.
  long input(int group, int i);

  /// The output row of its i-th row.
  long output(int group, int i);
}
