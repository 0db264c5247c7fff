package dev.tornadomoe.contract;

import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Fp8Matrix;
import dev.tornadomoe.tensor.GroupGrid;
import dev.tornadomoe.tensor.Int8Matrix;
import dev.tornadomoe.tensor.Mxfp4Matrix;
import dev.tornadomoe.tensor.Nvfp4Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import dev.tornadomoe.tensor.block.BlockFormats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/// Random matrices of the formats with 8 bits, of those with 4-bit floats and of GGUF's most common
/// blocks, of a spread that keeps activations near 1.
///
/// @param scales makes scales: name, rows, columns, type, spread
record RandomCoded(Random random, Scales scales) {

  /// Makes positive floats around a spread.
  @FunctionalInterface
  interface Scales {
    TensorView of(String name, int rows, int columns, DType type, double spread);
  }

  WeightMatrix make(String name, int rows, int columns, WeightFormat format) {
    return switch (format.coding().name()) {
      case "fp8" -> fp8(name, rows, columns, format);
      case "int8" -> int8(name, rows, columns, format);
      case "mxfp4" -> mxfp4(rows, columns);
      case "nvfp4" -> nvfp4(name, rows, columns);
      case "Q4_K", "Q6_K" -> blocks(rows, columns, format);
      default -> throw new IllegalArgumentException(format.toString());
    };
  }

  private MemorySegment bytes(long count, int from, int to) {
    MemorySegment bytes = Arena.ofAuto().allocate(count, 64);
    for (long i = 0; i < count; i++) {
      bytes.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt(from, to));
    }
    return bytes;
  }

  private TensorView scales(
      String name, int rows, int columns, WeightFormat format, double spread) {
    int down = format.rowsPerScale() == 0 ? 1 : Math.ceilDiv(rows, format.rowsPerScale());
    int across = format.groupSize() == 0 ? 1 : Math.ceilDiv(columns, format.groupSize());
    return scales.of(name, down, across, format.element(), spread);
  }

  private static GroupGrid grid(TensorView values, int rows, WeightFormat format) {
    return GroupGrid.rowMajor(
        values,
        RowSelection.all(rows),
        format.rowsPerScale(),
        format.groupSize(),
        values.shape().dimension(1));
  }

  /// Elements up to 15, either sign.
  private WeightMatrix fp8(String name, int rows, int columns, WeightFormat format) {
    MemorySegment elements = bytes((long) rows * columns, 0, 0x58);
    for (long i = 0; i < elements.byteSize(); i += 3) {
      byte negative = (byte) (elements.get(ValueLayout.JAVA_BYTE, i) | 0x80);
      elements.set(ValueLayout.JAVA_BYTE, i, negative);
    }
    TensorView values = new TensorView(name, DType.F8_E4M3, Shape.of(rows, columns), elements);
    TensorView scale = scales(name, rows, columns, format, 0.15 / Math.sqrt(columns));
    return new Fp8Matrix(values, RowSelection.all(rows), grid(scale, rows, format));
  }

  private WeightMatrix int8(String name, int rows, int columns, WeightFormat format) {
    TensorView scale = scales(name, rows, columns, format, 1 / (70 * Math.sqrt(columns)));
    TensorView zeros =
        format.zeroPoints()
            ? new TensorView(
                name, DType.I8, scale.shape(), bytes(scale.shape().elements(), -20, 20))
            : null;
    return new Int8Matrix(
        rows,
        columns,
        columns,
        bytes((long) rows * columns, -128, 128),
        0,
        grid(scale, rows, format),
        zeros == null ? null : grid(zeros, rows, format),
        null);
  }

  private WeightMatrix mxfp4(int rows, int columns) {
    int power = (int) Math.round(-Math.log(2.5 * Math.sqrt(columns)) / Math.log(2));
    return new Mxfp4Matrix(
        RowSelection.all(rows),
        columns,
        Math.ceilDiv(columns, 2),
        bytes((long) rows * Math.ceilDiv(columns, 2), 0, 256),
        bytes((long) rows * Math.ceilDiv(columns, 32), 126 + power, 129 + power));
  }

  private WeightMatrix nvfp4(String name, int rows, int columns) {
    return new Nvfp4Matrix(
        columns,
        new TensorView(
            name,
            DType.U8,
            Shape.of(rows, Math.ceilDiv(columns, 2)),
            bytes((long) rows * Math.ceilDiv(columns, 2), 0, 256)),
        new TensorView(
            name,
            DType.F8_E4M3,
            Shape.of(rows, Math.ceilDiv(columns, 16)),
            bytes((long) rows * Math.ceilDiv(columns, 16), 0x30, 0x48)), // 0.5 to 3.75
        (float) (0.2 / Math.sqrt(columns)));
  }

  /// Q4_K begins with d and the minima's factor, Q6_K ends with d.
  private WeightMatrix blocks(int rows, int columns, WeightFormat format) {
    BlockFormat block = BlockFormats.named(format.coding().name()).orElseThrow();
    MemorySegment data = bytes(rows * block.coding().rowBytes(columns), -128, 128);
    for (long at = 0; at < data.byteSize(); at += block.coding().bytes()) {
      double spread = (0.5 + random.nextDouble()) / Math.sqrt(columns);
      if (block.hasOffsets()) {
        half(data, at, spread / 150);
        half(data, at + 2, spread / 20);
      } else {
        half(data, at + block.coding().bytes() - 2, spread / 1400);
      }
    }
    return new BlockMatrix(block, RowSelection.all(rows), columns, data);
  }

  private static void half(MemorySegment data, long at, double value) {
    data.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, Float.floatToFloat16((float) value));
  }
}
