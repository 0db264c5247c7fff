package dev.tornadomoe.tornado.weights;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import dev.tornadomoe.tornado.weights.MatrixPacking.Part;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Weights that are not what was announced.
class MatrixPackingTest {
  private static final int ROWS = 8;
  private static final int COLUMNS = 64;
  private static final int GROUP = 32;

  /// GPTQ's `sym: true` beside other zero points than 8, which hosts read as they are stored.
  @Test
  void zeroPointsThatWereNotAnnouncedAreRefused() {
    Weight weight = new Symmetric(matrix());
    List<Part> parts = List.of(Part.whole(weight, null));
    Storage storage = Storage.of(List.of(weight)).inStrips(8);
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> MatrixPacking.stack(storage, parts, (packed, memory) -> {}, arena))
          .isInstanceOf(BackendException.class)
          .hasMessageContaining("weight \"experts.0.up\": row 5, group 1 has zero point 9")
          .hasMessageContaining("expected 8");
    }
  }

  private static Int4Matrix matrix() {
    float[] scales = new float[ROWS * 2];
    byte[] zeros = new byte[ROWS * 2];
    for (int i = 0; i < scales.length; i++) {
      scales[i] = 1;
      zeros[i] = 8;
    }
    zeros[5 * 2 + 1] = 9;
    return new Int4Matrix(
        ROWS,
        COLUMNS,
        GROUP,
        MemorySegment.ofArray(new int[ROWS * COLUMNS / 8]),
        new TensorView("scales", DType.F32, Shape.of(ROWS, 2), MemorySegment.ofArray(scales)),
        MemorySegment.ofArray(zeros),
        null);
  }

  /// Announces no zero points.
  private record Symmetric(Int4Matrix matrix) implements Weight {
    @Override
    public String name() {
      return "experts.0.up";
    }

    @Override
    public int rows() {
      return ROWS;
    }

    @Override
    public int columns() {
      return COLUMNS;
    }

    @Override
    public WeightFormat format() {
      return WeightFormat.int4(DType.F32, GROUP, false, false);
    }

    @Override
    public long bytesToLoad() {
      return 0;
    }

    @Override
    public WeightMatrix load(Arena arena) {
      return matrix;
    }
  }
}
