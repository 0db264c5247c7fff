package dev.tornadomoe.cli;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.cli.parallel.ArrayCall;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.RmsNorm;
import java.lang.foreign.MemorySegment;
import java.util.Random;

/// Checks a layer that ends in another way than with its output, with plain loops that do the same
/// to the output that it should have: the sum that a deferred output leaves to the caller, or the
/// residual and the norm of a tail.
///
/// @param session of a plan with one layer
/// @param reference a case of this layer
record EndOfLayer(Session session, Reference reference) {

  /// How far what comes out is off.
  ///
  /// @throws dev.tornadomoe.MoeException as the session does
  static Comparison.Deviation error(Session session, Reference reference) {
    RmsNorm norm = session.plan().options().call().norm();
    EndOfLayer end = new EndOfLayer(session, reference);
    return norm == null ? end.sum(session.plan().layers().getFirst()) : end.tail(norm);
  }

  private MoeCall call(float[] output) {
    return ArrayCall.of(reference.input(), reference.tokens(), output, reference.extras().copy());
  }

  private Comparison.Deviation sum(MoeLayer layer) {
    int k = layer.topK();
    int hidden = layer.hidden();
    float[] rows = new float[reference.tokens() * k * hidden];
    int[] ids = new int[reference.tokens() * k];
    float[] weights = new float[ids.length];
    session.run(call(rows).routing(MemorySegment.ofArray(ids), MemorySegment.ofArray(weights)));
    float[] sums = new float[reference.output().length];
    for (int i = 0; i < sums.length; i++) {
      double sum = 0;
      for (int s = 0; s < k; s++) {
        int pair = i / hidden * k + s;
        sum += (double) weights[pair] * rows[pair * hidden + i % hidden];
      }
      sums[i] = (float) sum;
    }
    return Comparison.Deviation.of(reference.output(), sums);
  }

  private Comparison.Deviation tail(RmsNorm norm) {
    int hidden = session.plan().layers().getFirst().hidden();
    float[] residual = residual();
    float[] weights = new float[hidden];
    for (int i = 0; i < hidden; i++) {
      weights[i] = 0.5f + i % 7 / 4f;
    }
    float[] output = new float[residual.length];
    float[] normed = new float[residual.length];
    session.run(
        call(output)
            .residual(MemorySegment.ofArray(residual))
            .tail(MemorySegment.ofArray(weights), MemorySegment.ofArray(normed)));
    float[] sums = new float[residual.length];
    float[] norms = new float[residual.length];
    for (int first = 0; first < sums.length; first += hidden) {
      double squares = 0;
      for (int i = first; i < first + hidden; i++) {
        double sum = (double) reference.output()[i] + residual[i];
        squares += sum * sum;
        sums[i] = (float) sum;
      }
      double factor = 1 / Math.sqrt(squares / hidden + norm.epsilon());
      for (int i = first; i < first + hidden; i++) {
        norms[i] =
            (float) (((double) reference.output()[i] + residual[i]) * factor * weights[i - first]);
      }
    }
    return Comparison.Deviation.of(sums, output).or(Comparison.Deviation.of(norms, normed));
  }

  /// As large as the output, so that neither hides the other's errors.
  private float[] residual() {
    float[] output = reference.output();
    double squares = 0;
    for (float value : output) {
      squares += (double) value * value;
    }
    double rms = Math.sqrt(squares / Math.max(1, output.length));
    Random random = new Random(reference.tokens());
    float[] residual = new float[output.length];
    for (int i = 0; i < residual.length; i++) {
      residual[i] = (float) (rms * random.nextGaussian());
    }
    return residual;
  }
}
