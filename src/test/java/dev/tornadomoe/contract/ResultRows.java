package dev.tornadomoe.contract;

import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// A caller's result rows as a plan wants them: their type, and how far apart they are.
final class ResultRows {
  private ResultRows() {}

  private static int hidden(MoePlan plan) {
    return plan.layers().getFirst().hidden();
  }

  static int stride(MoePlan plan) {
    int stride = plan.options().call().outputStride();
    return stride == 0 ? hidden(plan) : stride;
  }

  static MemorySegment output(MoePlan plan, int rows) {
    return zeros(plan, rows * stride(plan));
  }

  static MemorySegment normed(MoePlan plan, int rows) {
    return zeros(plan, rows * hidden(plan));
  }

  static MemorySegment zeros(MoePlan plan, int elements) {
    return plan.options().call().outputType() == DType.F32
        ? Rows.of(new float[elements])
        : MemorySegment.ofArray(new short[elements]);
  }

  static void put(MoePlan plan, MemorySegment output, float[] rows) {
    for (int i = 0; i < rows.length; i++) {
      output.setAtIndex(
          ValueLayout.JAVA_FLOAT,
          (long) i / hidden(plan) * stride(plan) + i % hidden(plan),
          rows[i]);
    }
  }

  static float[] floats(MoePlan plan, MemorySegment output, int rows) {
    float[] all = dense(plan, output);
    float[] floats = new float[rows * hidden(plan)];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = all[i / hidden(plan) * stride(plan) + i % hidden(plan)];
    }
    return floats;
  }

  static float[] dense(MoePlan plan, MemorySegment rows) {
    if (plan.options().call().outputType() == DType.F32) {
      return rows.toArray(ValueLayout.JAVA_FLOAT);
    }
    short[] bits = rows.toArray(ValueLayout.JAVA_SHORT);
    float[] floats = new float[bits.length];
    for (int i = 0; i < bits.length; i++) {
      floats[i] = Float.intBitsToFloat(bits[i] << 16);
    }
    return floats;
  }
}
