package dev.tornadomoe.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.TensorFile;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What an engine has mapped itself is a weight, or one sentence. The blocks are random bytes, the
/// values what the `gguf` package makes of them (`gguf/make-blocks.py`).
class BlockWeightsTest {
  private TensorFile tensors;
  private MemorySegment blocks;

  @BeforeEach
  void open() throws URISyntaxException {
    tensors =
        TensorFile.open(
            Path.of(BlockWeightsTest.class.getResource("/gguf/blocks.safetensors").toURI()));
    blocks = tensors.require("Q8_0/bytes").data();
  }

  @AfterEach
  void close() {
    tensors.close();
  }

  @Test
  void blocksAreUsedAsTheyLie() {
    Weight weight = BlockWeights.of("Q8_0", "up", 2, 64, blocks);
    assertThat(weight.rows()).isEqualTo(2);
    assertThat(weight.columns()).isEqualTo(64);
    assertThat(weight.bytesToLoad()).isZero();
    float[] row = new float[64];
    try (Arena arena = Arena.ofConfined()) {
      weight.load(arena).decodeRow(1, row, 0);
    }
    TensorView values = tensors.require("Q8_0/values");
    for (int i = 0; i < 64; i++) {
      assertThat(row[i]).isEqualTo(values.getFloat(64 + i));
    }
  }

  @Test
  void whatIsWrongIsSaid() {
    assertThatThrownBy(() -> BlockWeights.of("Q9", "up", 2, 64, blocks))
        .isInstanceOf(LayerException.class)
        .hasMessageStartingWith("weight \"up\": format Q9 is not one of [Q4_0, ");
    assertThatThrownBy(() -> BlockWeights.of("Q8_0", "up", 3, 64, blocks))
        .hasMessage(
            "weight \"up\": expected 204 bytes for 3 rows of 64 columns in Q8_0, which has blocks"
                + " of 32, found 136");
    assertThatThrownBy(() -> BlockWeights.of("Q8_0", "up", 2, 60, blocks))
        .hasMessageContaining("which has blocks of 32");
    MemorySegment broken = MemorySegment.ofArray(blocks.toArray(ValueLayout.JAVA_BYTE));
    broken.set(ValueLayout.JAVA_SHORT_UNALIGNED, 3 * 34L, (short) 0x7E00);
    assertThatThrownBy(() -> BlockWeights.of("Q8_0", "up", 2, 64, broken))
        .hasMessage("weight \"up\" has a scale that is no finite number in row 1");
  }
}
