package dev.tornadomoe.layer.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Bias;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Compares parts of a layer with what [GgufBlock] has written.
final class GgufAssertions {
  private GgufAssertions() {}

  static Checkpoint open(Path directory, GgufBlock block) {
    return Checkpoint.open(block.write(directory));
  }

  static void assertRefused(Path directory, GgufBlock block, String... says) {
    try (Checkpoint checkpoint = open(directory, block)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(MoeException.class)
          .hasMessageStartingWith(directory.resolve("model.gguf").toString())
          .hasMessageContainingAll(says);
    }
  }

  static void assertRows(Weight weight, String tensor, long first, int rows, int columns) {
    assertThat(weight.rows()).isEqualTo(rows);
    assertThat(weight.columns()).isEqualTo(columns);
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      float[] found = new float[columns];
      for (int row = 0; row < rows; row++) {
        matrix.decodeRow(row, found);
        for (int column = 0; column < columns; column++) {
          assertThat(found[column])
              .isEqualTo(GgufBlock.value(tensor, first + (long) row * columns + column));
        }
      }
    }
  }

  static void assertBias(@Nullable Bias bias, String tensor, long first, int size) {
    float[] found = Objects.requireNonNull(bias).toFloats();
    assertThat(found).hasSize(size);
    for (int i = 0; i < size; i++) {
      assertThat(found[i]).isEqualTo(GgufBlock.value(tensor, first + i));
    }
  }
}
