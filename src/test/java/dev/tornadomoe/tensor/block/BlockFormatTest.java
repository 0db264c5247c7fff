package dev.tornadomoe.tensor.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.BlockFormat;
import dev.tornadomoe.tensor.BlockMatrix;
import dev.tornadomoe.tensor.RowSelection;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Blocks of random bytes against what the `gguf` package makes of them (`gguf/make-blocks.py`).
class BlockFormatTest {

  static List<String> names() {
    return BlockFormats.all().stream().map(format -> format.coding().name()).toList();
  }

  @Test
  void thereIsAFormatForEachOfTheTypesWeClaim() {
    assertThat(names())
        .containsExactlyInAnyOrder(
            "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ1_S",
            "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "MXFP4",
            "TQ1_0", "TQ2_0");
    assertThat(BlockFormats.named("Q1_0")).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("names")
  void decodesAsThePythonPackageDoes(String name) throws URISyntaxException {
    BlockFormat format = BlockFormats.named(name).orElseThrow();
    Path file = Path.of(BlockFormatTest.class.getResource("/gguf/blocks.safetensors").toURI());
    try (TensorFile tensors = TensorFile.open(file)) {
      TensorView bytes = tensors.require(name + "/bytes");
      TensorView values = tensors.require(name + "/values");
      int columns = format.coding().columns();
      assertThat(bytes.shape()).isEqualTo(Shape.of(4, format.coding().bytes()));
      assertThat(values.shape()).isEqualTo(Shape.of(4, columns));
      // Two rows of two blocks, of which the second is taken by itself too.
      BlockMatrix both = new BlockMatrix(format, RowSelection.all(2), 2 * columns, bytes.data());
      BlockMatrix second =
          new BlockMatrix(format, new RowSelection(1, 1, 1), 2 * columns, bytes.data());
      float[] row = new float[2 * columns + 1];
      for (int r = 0; r < 2; r++) {
        both.decodeRow(r, row, 1);
        assertRow(values, r, row);
      }
      second.decodeRow(0, row, 1);
      assertRow(values, 1, row);
      assertThat(both.format().bytes(2, 2 * columns)).isEqualTo(bytes.data().byteSize());
      assertThat(both.format()).hasToString(name);
      for (int block = 0; block < 4; block++) {
        assertThat(format.isSound(bytes.data(), (long) block * format.coding().bytes())).isTrue();
      }
    }
  }

  private static void assertRow(TensorView values, int row, float[] found) {
    int columns = found.length - 1;
    float most = 0;
    for (int c = 0; c < columns; c++) {
      most = Math.max(most, Math.abs(values.getFloat((long) row * columns + c)));
    }
    for (int c = 0; c < columns; c++) {
      float expected = values.getFloat((long) row * columns + c);
      // A difference of two products may cancel, so the tolerance is the block's.
      assertThat(Math.abs(found[c + 1] - expected)).isLessThanOrEqualTo(most * 2e-7f);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "Q4_0, 0",
    "Q4_1, 0",
    "Q4_1, 2",
    "Q5_0, 0",
    "Q5_1, 2",
    "Q8_0, 0",
    "Q2_K, 80",
    "Q2_K, 82",
    "Q3_K, 108",
    "Q4_K, 0",
    "Q4_K, 2",
    "Q5_K, 0",
    "Q5_K, 2",
    "Q6_K, 208",
    "IQ4_NL, 0",
    "IQ4_XS, 0",
    "TQ1_0, 52",
    "TQ2_0, 64",
    "IQ1_S, 0",
    "IQ2_XXS, 0",
    "IQ2_XS, 0",
    "IQ2_S, 0",
    "IQ3_XXS, 0",
    "IQ3_S, 0"
  })
  void tellsScalesThatAreNoNumbers(String name, int at) {
    BlockFormat format = BlockFormats.named(name).orElseThrow();
    MemorySegment block = Arena.ofAuto().allocate(format.coding().bytes());
    for (short half : new short[] {0x7C00, (short) 0xFC00, 0x7E00, 0x7C01}) {
      block.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, half);
      assertThat(format.isSound(block, 0)).isFalse();
    }
    block.set(ValueLayout.JAVA_SHORT_UNALIGNED, at, (short) 0x7BFF);
    assertThat(format.isSound(block, 0)).isTrue();
  }

  /// Its d is in four places.
  @Test
  void tellsThatIq1MsScaleIsNoNumber() {
    BlockFormat format = BlockFormats.named("IQ1_M").orElseThrow();
    MemorySegment block = Arena.ofAuto().allocate(56);
    block.set(ValueLayout.JAVA_BYTE, 55, (byte) 0x70);
    block.set(ValueLayout.JAVA_BYTE, 53, (byte) 0xB0);
    assertThat(format.isSound(block, 0)).isTrue();
    block.set(ValueLayout.JAVA_BYTE, 53, (byte) 0xC0);
    assertThat(format.isSound(block, 0)).isFalse();
    block.set(ValueLayout.JAVA_BYTE, 49, (byte) 0x10);
    assertThat(format.isSound(block, 0)).isFalse();
  }

  @Test
  void tellsAnExponentThatIsNaN() {
    BlockFormat format = BlockFormats.named("MXFP4").orElseThrow();
    MemorySegment block = Arena.ofAuto().allocate(17);
    assertThat(format.isSound(block, 0)).isTrue();
    block.set(ValueLayout.JAVA_BYTE, 0, (byte) 255);
    assertThat(format.isSound(block, 0)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 16, 33})
  void aRowIsWholeBlocks(int columns) {
    BlockFormat format = BlockFormats.named("Q8_0").orElseThrow();
    MemorySegment data = Arena.ofAuto().allocate(34);
    assertThatThrownBy(() -> new BlockMatrix(format, RowSelection.all(1), columns, data))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
