package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.backend.host.HostStep;
import java.util.List;

/// The shared expert's down projection times the sigmoid of its gate: the gate of every token
/// first, then the projection, whose tiles are scaled as they are written.
final class SharedDownStep implements HostStep {
  private final CpuLinear gate;
  private final BufferRef input;
  private final Scratch scratch;
  private final float[] factors;
  private final ProjectionStep down;
  private long runs;

  /// The step of a shared expert with a gate.
  ///
  /// @param gate `[1, H]`
  SharedDownStep(
      WorkerTeam team,
      CpuMlp shared,
      CpuLinear gate,
      int maxTokens,
      BufferRef input,
      BufferRef activated,
      BufferRef target) {
    this.gate = gate;
    this.input = input;
    this.scratch =
        new Scratch(shared.kernels(), List.of(Projection.of(gate)), 1, CpuMatrix.ROW_BLOCK);
    this.factors = new float[maxTokens];
    this.down =
        new ProjectionStep(
            team,
            shared.kernels(),
            List.of(Projection.of(shared.down())),
            new AllTokens(),
            maxTokens,
            activated,
            target,
            factors);
  }

  @Override
  public void run(int tokens) {
    runs++;
    for (int token = 0; token < tokens; token++) {
      scratch.read(runs, input, token);
      gate.apply(0, 1, scratch, scratch.result, CpuMatrix.ROW_BLOCK);
      factors[token] = 1f / (1f + ScalarMath.exp(-scratch.result[0]));
    }
    down.run(tokens);
  }
}
