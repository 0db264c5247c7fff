package dev.tornadomoe.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.quant.ByteValues;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// NVFP4 as ggml has it, element by element: 2 experts, 3 outputs, 128 inputs.
class GgufNvfp4Test {
  private static final int TYPE = 40;
  private static final int BLOCK = 36;

  @TempDir Path directory;

  private final byte[] data = made();

  private static byte[] made() {
    byte[] data = ByteValues.seeded(91).bytes(2 * 3 * 2 * BLOCK);
    for (int i = 0; i < data.length; i++) {
      if (i % BLOCK < 4) {
        data[i] = (byte) Math.min(data[i] & 0x7F, 0x7E);
      }
    }
    return data;
  }

  /// E2M1 times a scale of E4M3, as in `dequantize_row_nvfp4`, whose table has twice E2M1 and whose
  /// scales are halved.
  private double value(int row, int column) {
    int block = (row * 2 + column / 64) * BLOCK;
    int group = column % 64 / 16;
    int place = column % 16;
    byte pair = data[block + 4 + group * 8 + place % 8];
    return ByteValues.e2m1(pair, place / 8) * ByteValues.e4m3(data[block + group]);
  }

  @Test
  void expertsWithAFactorEach() {
    try (Checkpoint checkpoint = open(0.5f, 3)) {
      ExpertStack stack = checkpoint.stack("e.weight", 2, 3, 128, false);
      ByteValues.assertDecoded(
          stack.part(1, 2, 1, 1), 2, 128, (row, column) -> value(4 + row, column) * 3);
    }
    try (Checkpoint checkpoint = open()) {
      ExpertStack stack = checkpoint.stack("e.weight", 2, 3, 128, false);
      ByteValues.assertDecoded(stack.part(0, 3, 0, 1), 3, 128, this::value);
    }
  }

  @Test
  void aLinearLayer() {
    try (Checkpoint checkpoint = open()) {
      ByteValues.assertDecoded(
          checkpoint.linear("m", 6, 128), 6, 128, (row, column) -> value(row, column) * 0.25);
    }
  }

  @Test
  void refusesScalesThatAreNoNumbers() {
    try (Checkpoint checkpoint = open(0, 1)) {
      Weight weight = checkpoint.stack("e.weight", 2, 3, 128, false).part(0, 3, 0, 1);
      assertRefused(weight, "\"e.scale\"", "element 0", "above 0");
    }
    data[BLOCK + 1] = 0x7F;
    try (Checkpoint checkpoint = open()) {
      Weight weight = checkpoint.stack("e.weight", 2, 3, 128, false).part(0, 3, 0, 1);
      assertRefused(weight, "\"e.weight[0]\"", "code 127", "group 5", "row 0");
    }
    try (Checkpoint checkpoint = open(1, 1, 1)) {
      assertThatThrownBy(() -> checkpoint.stack("e.weight", 2, 3, 128, false))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"e.scale\"", "[3]", "[2]");
    }
  }

  private void assertRefused(Weight weight, String... says) {
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(says)
          .hasMessageContaining("model.gguf");
    }
  }

  private Checkpoint open(float... factors) {
    GgufBytes file =
        GgufBytes.of("olmoe")
            .tensor("e.weight", TYPE, data, 128, 3, 2)
            .tensor("m.weight", TYPE, data, 128, 6)
            .tensor(HeapTensors.f32("m.scale", Shape.of(1), 0.25f));
    if (factors.length > 0) {
      file.tensor(HeapTensors.f32("e.scale", Shape.of(factors.length), factors));
    }
    return Checkpoint.open(file.write(directory.resolve("model.gguf")));
  }
}
