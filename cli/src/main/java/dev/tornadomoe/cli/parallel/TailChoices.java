package dev.tornadomoe.cli.parallel;

import dev.tornadomoe.layer.RmsNorm;
import dev.tornadomoe.plan.OutputForm;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Residual;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The options that say what is left to the caller at a layer's end, and what is done beyond it.
public final class TailChoices {
  @Option(
      names = "--deferred",
      description =
          "The output gets the experts' rows [M*k, H], and the caller weights and sums them.")
  private boolean deferred;

  @Option(
      names = "--tail",
      paramLabel = "EPSILON",
      description =
          "The layer also writes the rows after the next RMS norm, which has this epsilon.")
  private @Nullable Float epsilon;

  /// Whether either was chosen.
  public boolean isGiven() {
    return deferred || epsilon != null;
  }

  /// `deferred` or `finished`, for files.
  public String output() {
    return deferred ? "deferred" : "finished";
  }

  /// The epsilon of `--tail`, or null without.
  public @Nullable Float epsilon() {
    return epsilon;
  }

  /// What a layer is measured or verified with: a tail has something to add.
  public Residual residual() {
    return epsilon == null ? Residual.NONE : Residual.GIVEN;
  }

  /// Has a plan made with these choices.
  ///
  /// @param residual what a tail adds
  public void applyTo(Planner.Builder planner, Residual residual) {
    planner.residual(residual);
    if (epsilon != null) {
      planner.tail(residual, new RmsNorm(epsilon));
    }
    if (deferred) {
      planner.output(OutputForm.DEFERRED);
    }
  }
}
