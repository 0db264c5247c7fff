package com.example;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.BlockWeights;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.Router;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/// A layer of an engine that has its weights in memory already, here in GGUF's blocks of Q8_0: they
/// are wrapped, not copied. The result is compared with a plain loop over the same numbers.
///
///     examples/run own-weights
public final class OwnWeights {
  private static final int HIDDEN = 128;
  private static final int INTERMEDIATE = 64;
  private static final int EXPERTS = 4;

  /// Columns of a block of Q8_0: an F16 scale, then as many bytes.
  private static final int BLOCK = 32;

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private OwnWeights() {}

  public static void main(String[] arguments) {
    Random random = new Random(7);
    List<float[][]> values = new ArrayList<>();
    List<Mlp> experts = new ArrayList<>();
    for (int e = 0; e < EXPERTS; e++) {
      float[] gate = new float[INTERMEDIATE * HIDDEN];
      float[] up = new float[INTERMEDIATE * HIDDEN];
      float[] down = new float[HIDDEN * INTERMEDIATE];
      experts.add(
          Mlp.gated(
              weight("gate " + e, INTERMEDIATE, HIDDEN, random, gate),
              weight("up " + e, INTERMEDIATE, HIDDEN, random, up),
              weight("down " + e, HIDDEN, INTERMEDIATE, random, down)));
      values.add(new float[][] {gate, up, down});
    }
    // A router of zeros: both experts that are taken, the first two, weigh a half.
    MemorySegment zeros = MemorySegment.ofArray(new float[EXPERTS * HIDDEN]);
    Weight router =
        Weight.dense(new TensorView("router", DType.F32, Shape.of(EXPERTS, HIDDEN), zeros));
    MoeLayer layer =
        MoeLayer.of(
            0,
            new Router(router, null, null, TopKGating.softmax(2, true)),
            ExpertWeights.of(experts, Activation.SILU),
            null);
    float[] hidden = new float[HIDDEN];
    for (int i = 0; i < HIDDEN; i++) {
      hidden[i] = (float) random.nextGaussian();
    }
    float[] output = new float[HIDDEN];
    try (Session session = Backends.auto().prepare(Planner.builder().build().plan(layer))) {
      session.run(MemorySegment.ofArray(hidden), 1, MemorySegment.ofArray(output));
    }
    for (int i = 0; i < HIDDEN; i++) {
      double expected = (expert(values.get(0), hidden, i) + expert(values.get(1), hidden, i)) / 2;
      if (!(Math.abs(output[i] - expected) <= 1e-4)) {
        throw new IllegalStateException(
            "element " + i + " is " + output[i] + ", expected " + expected);
      }
    }
    System.out.printf(
        Locale.ROOT, "%d experts of Q8_0, %d elements as by a plain loop%n", EXPERTS, HIDDEN);
  }

  /// Random blocks, as they would lie in a GGUF file.
  ///
  /// @param values `[rows, columns]`, gets what they mean
  private static Weight weight(String name, int rows, int columns, Random random, float[] values) {
    int blocks = rows * columns / BLOCK;
    MemorySegment data = MemorySegment.ofArray(new byte[blocks * (2 + BLOCK)]);
    for (int b = 0; b < blocks; b++) {
      short scale = Float.floatToFloat16(0.001f + 0.001f * random.nextFloat());
      long at = b * (2L + BLOCK);
      data.set(SHORT, at, scale);
      for (int i = 0; i < BLOCK; i++) {
        byte q = (byte) random.nextInt(-127, 128);
        data.set(ValueLayout.JAVA_BYTE, at + 2 + i, q);
        values[b * BLOCK + i] = q * Float.float16ToFloat(scale);
      }
    }
    return BlockWeights.of("Q8_0", name, rows, columns, data);
  }

  /// Element i of `down (silu(gate x) * up x)`.
  private static double expert(float[][] matrices, float[] x, int i) {
    double sum = 0;
    for (int j = 0; j < INTERMEDIATE; j++) {
      double gate = 0;
      double up = 0;
      for (int c = 0; c < HIDDEN; c++) {
        gate += matrices[0][j * HIDDEN + c] * x[c];
        up += matrices[1][j * HIDDEN + c] * x[c];
      }
      sum += matrices[2][i * INTERMEDIATE + j] * gate / (1 + Math.exp(-gate)) * up;
    }
    return sum;
  }
}
