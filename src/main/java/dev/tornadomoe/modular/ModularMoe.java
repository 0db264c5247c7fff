package dev.tornadomoe.modular;

import java.util.Locale;

/// A pair of pieces that can work together.
///
/// @param prepareAndFinalize the two ends
/// @param experts the middle
public record ModularMoe(PrepareAndFinalize prepareAndFinalize, Experts experts) {

  /// Checked against each other.
  ///
  /// @throws ModularException when they can't work together, with the reason
  public ModularMoe {
    if (prepareAndFinalize.format() != experts.format()) {
      throw new ModularException(
          String.format(
              Locale.ROOT,
              "prepare/finalize \"%s\" hands out the %s format, but experts \"%s\" take the %s"
                  + " format",
              prepareAndFinalize.name(),
              prepareAndFinalize.format(),
              experts.name(),
              experts.format()));
    }
    TopKWeightAndReduce resolved = prepareAndFinalize.resolve(experts.weightAndReduce());
    if (resolved instanceof TopKWeightAndReduce.Delegate) {
      throw new ModularException(
          String.format(
              Locale.ROOT,
              "experts \"%s\" leave weighting and summing to prepare/finalize, but \"%s\" does not"
                  + " do it",
              experts.name(),
              prepareAndFinalize.name()));
    }
    boolean batchedReduce = resolved instanceof TopKWeightAndReduce.NaiveBatched;
    boolean batched = experts.format() == ActivationFormat.BATCHED;
    if (batchedReduce != batched) {
      throw new ModularException(
          String.format(
              Locale.ROOT,
              "experts \"%s\" in the %s format can't be combined by %s",
              experts.name(),
              experts.format(),
              resolved));
    }
    boolean accumulates = experts.capabilities().contains(Capability.ACCUMULATES_INTO_OUTPUT);
    if (accumulates && !(resolved instanceof TopKWeightAndReduce.NoOp)) {
      throw new ModularException(
          String.format(
              Locale.ROOT,
              "experts \"%s\" accumulate into finished rows, so nothing can be left to finalize,"
                  + " found %s",
              experts.name(),
              resolved));
    }
  }

  /// {@return what finalize does}
  public TopKWeightAndReduce reduce() {
    return prepareAndFinalize.resolve(experts.weightAndReduce());
  }

  /// The sizes that the experts work on.
  ///
  /// @param problem the sizes of calls
  /// @return the same layer with the rows that prepare hands over as tokens
  public Problem expertProblem(Problem problem) {
    return problem.withTokens(prepareAndFinalize.expertTokens(problem.tokens()));
  }
}
