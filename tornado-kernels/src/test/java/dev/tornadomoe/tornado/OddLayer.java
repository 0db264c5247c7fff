package dev.tornadomoe.tornado;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.BFloat16;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/// A small layer in which no size is a multiple of a tile's, with random weights: H 72, I 40, E 5,
/// top-3. The caller routes.
final class OddLayer {
  static final int HIDDEN = 72;
  static final int INTERMEDIATE = 40;
  static final int EXPERTS = 5;
  static final int TOP_K = 3;
  private static final int GROUP = 24;

  /// How its weights are stored.
  enum Format {
    ZERO_POINTS,
    ACT_ORDER,
    BF16
  }

  private final Format format;
  private final Random random = new Random(5);

  private OddLayer(Format format) {
    this.format = format;
  }

  static MoeLayer of(Format format) {
    OddLayer layer = new OddLayer(format);
    List<Mlp> experts = new ArrayList<>();
    for (int e = 0; e < EXPERTS; e++) {
      experts.add(
          new Mlp(
              layer.weight(INTERMEDIATE, HIDDEN),
              layer.weight(INTERMEDIATE, HIDDEN),
              layer.weight(HIDDEN, INTERMEDIATE),
              null,
              null,
              null));
    }
    return new MoeLayer(0, TOP_K, null, ExpertWeights.of(experts, Activation.SILU), null, false);
  }

  private Weight weight(int rows, int columns) {
    return Weight.of("weight", format == Format.BF16 ? dense(rows, columns) : int4(rows, columns));
  }

  private WeightMatrix dense(int rows, int columns) {
    return new DenseMatrix(floats(rows, columns, 1 / Math.sqrt(columns)));
  }

  private WeightMatrix int4(int rows, int columns) {
    int groups = Math.ceilDiv(columns, GROUP);
    byte[] zeros = new byte[rows * groups];
    for (int i = 0; i < zeros.length; i++) {
      zeros[i] = (byte) random.nextInt(16);
    }
    List<Integer> order = new ArrayList<>(IntStream.range(0, columns).boxed().toList());
    Collections.shuffle(order, random);
    return new Int4Matrix(
        rows,
        columns,
        GROUP,
        MemorySegment.ofArray(random.ints((long) rows * Math.ceilDiv(columns, 8)).toArray()),
        floats(rows, groups, 1 / (5 * Math.sqrt(columns))),
        MemorySegment.ofArray(zeros),
        format == Format.ACT_ORDER ? order.stream().mapToInt(i -> i).toArray() : null);
  }

  private TensorView floats(int rows, int columns, double spread) {
    short[] values = new short[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = BFloat16.fromFloat((float) (spread * random.nextGaussian()));
    }
    return new TensorView(
        "values", DType.BF16, Shape.of(rows, columns), MemorySegment.ofArray(values));
  }
}
