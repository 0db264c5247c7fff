package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.ScalarMath;
import dev.tornadomoe.backend.cpu.kernel.rows.CpuMatrix;
import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import java.util.List;

/// The shared expert's down projection times the sigmoid of its gate: the gate of every token
/// first, then the projection, whose tiles are scaled as they are written.
public final class SharedDownStep implements HostStep {
  private final CpuLinear gate;
  private final BufferRef input;
  private final SessionScratch scratch;
  private final float[] factors;
  private final ProjectionStep down;

  /// The step of a shared expert with a gate.
  ///
  /// @param gate `[1, H]`
  public SharedDownStep(
      SessionTeam team,
      SessionScratch scratch,
      CpuMlp shared,
      CpuLinear gate,
      BufferRef input,
      BufferRef activated,
      BufferRef target) {
    this.gate = gate;
    this.input = input;
    this.scratch = scratch;
    this.factors = scratch.factors();
    this.down =
        new ProjectionStep(
            team,
            scratch,
            List.of(Projection.of(shared.down())),
            new AllTokens(),
            activated,
            target,
            factors);
  }

  @Override
  public void run(int tokens) {
    long run = scratch.nextRun();
    Scratch mine = scratch.of(0);
    for (int token = 0; token < tokens; token++) {
      mine.take(run, input, 0, token, gate.columns());
      gate.apply(0, 1, mine, mine.result, CpuMatrix.ROW_BLOCK);
      factors[token] = 1f / (1f + ScalarMath.exp(-mine.result[0]));
    }
    down.run(tokens);
  }
}
