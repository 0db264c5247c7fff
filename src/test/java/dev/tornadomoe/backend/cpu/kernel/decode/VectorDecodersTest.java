package dev.tornadomoe.backend.cpu.kernel.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tornadomoe.backend.cpu.kernel.choice.KernelChoice;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.Coding;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Fp8Matrix;
import dev.tornadomoe.tensor.GroupGrid;
import dev.tornadomoe.tensor.Int8Matrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import dev.tornadomoe.tensor.block.BlockFormats;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Vector decoders beside the plain ones, to the bit.
class VectorDecodersTest {

  @BeforeEach
  void needsTheVectorApi() {
    String missing = KernelChoice.whyNotVector();
    assumeTrue(missing == null, missing);
  }

  static Stream<Arguments> matrices() {
    return Stream.of(
            WeightFormat.scaled(Coding.FP8, DType.F32, 128, 128),
            WeightFormat.scaled(Coding.FP8, DType.BF16, 1, 0),
            WeightFormat.scaled(Coding.FP8, DType.F16, 0, 0),
            WeightFormat.scaled(Coding.INT8, DType.BF16, 1, 0),
            new WeightFormat(Coding.INT8, DType.F32, 1, 32, true, false),
            WeightFormat.scaled(Coding.MXFP4, DType.F8_E8M0, 1, 32),
            WeightFormat.scaled(Coding.NVFP4, DType.F8_E4M3, 1, 16))
        .flatMap(
            format -> Stream.of(7, 32, 100, 264).map(columns -> Arguments.of(format, columns)));
  }

  @ParameterizedTest
  @MethodSource("matrices")
  void decodeAlike(WeightFormat format, int columns) {
    LayerSpec spec = LayerSpec.odd().sized(columns, 19, 1, TopKGating.softmax(1, false));
    assertDecodedAlike(
        RandomLayer.of(spec.with(format), 91)
            .experts()
            .local()
            .getFirst()
            .up()
            .load(Arena.global()));
  }

  static List<BlockFormat> blocks() {
    return BlockFormats.all();
  }

  @ParameterizedTest
  @MethodSource("blocks")
  void decodeBlocksAlike(BlockFormat format) {
    Random random = new Random(92);
    int columns = 3 * format.coding().columns();
    MemorySegment data = Arena.ofAuto().allocate(7 * format.coding().rowBytes(columns));
    for (long at = 0; at < data.byteSize(); at++) {
      data.set(ValueLayout.JAVA_BYTE, at, (byte) random.nextInt(256));
    }
    for (long at = 0; at < data.byteSize(); at += format.coding().bytes()) {
      while (!format.isSound(data, at)) { // the scales are somewhere among them
        for (int i = 0; i < format.coding().bytes(); i++) {
          data.set(ValueLayout.JAVA_BYTE, at + i, (byte) random.nextInt(256));
        }
      }
    }
    assertDecodedAlike(new BlockMatrix(format, new RowSelection(3, 1, 2), columns, data));
  }

  @Test
  void decodeEveryByteOfFp8() {
    MemorySegment all = everyByte();
    MemorySegment one = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 0.75f);
    RowSelection rows = RowSelection.all(1);
    assertDecodedAlike(
        new Fp8Matrix(
            new TensorView("all", DType.F8_E4M3, Shape.of(1, 256), all),
            rows,
            GroupGrid.rowMajor(new TensorView("s", DType.F32, Shape.of(), one), rows, 0, 0, 1)));
  }

  @Test
  void decodeBytesStoredPlus128() {
    MemorySegment one = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 0.75f);
    GroupGrid scales =
        GroupGrid.rowMajor(
            new TensorView("s", DType.F32, Shape.of(), one), RowSelection.all(1), 0, 0, 1);
    assertDecodedAlike(new Int8Matrix(1, 251, 256, everyByte(), 128, scales, null, null));
  }

  private static MemorySegment everyByte() {
    MemorySegment all = Arena.ofAuto().allocate(256);
    for (int i = 0; i < 256; i++) {
      all.set(ValueLayout.JAVA_BYTE, i, (byte) i);
    }
    return all;
  }

  private static void assertDecodedAlike(WeightMatrix matrix) {
    RowDecoder decoder = VectorDecoded.decoder(matrix);
    int columns = matrix.columns();
    float[] expected = new float[columns];
    float[] found = new float[columns + 4];
    for (int row = 0; row < matrix.rows(); row++) {
      matrix.decodeRow(row, expected);
      found[2] = 17;
      found[columns + 3] = 18;
      decoder.decode(row, found, 3);
      assertThat(found[2]).isEqualTo(17);
      assertThat(found[columns + 3]).isEqualTo(18);
      for (int column = 0; column < columns; column++) {
        assertThat(Float.floatToIntBits(found[column + 3])) // one NaN is as good as another
            .as("[%d, %d]: %s, expected %s", row, column, found[column + 3], expected[column])
            .isEqualTo(Float.floatToIntBits(expected[column]));
      }
    }
  }
}
