package dev.tornadomoe.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.GgufMetadata;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.StoredTensor;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// GGUF headers, sound and hostile.
class GgufFileTest {
  private static final byte[] Q80 = new byte[2 * 2 * 34];
  private static final int BROKEN_FILES =
      Breadth.askedOr(Breadth.NARROW) == Breadth.FULL ? 5000 : 1000;

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void readsBothVersions(int version) {
    try (Checkpoint checkpoint = open(sound().version(version))) {
      GgufMetadata metadata = checkpoint.gguf().orElseThrow();
      assertThat(metadata.architecture()).isEqualTo("olmoe");
      assertThat(metadata.positive("expert_count")).isEqualTo(4);
      assertThat(metadata.numberOr(1, "expert_weights_scale")).isEqualTo(2.5);
      assertThat(metadata.flagOr(false, "expert_weights_norm")).isTrue();
      assertThat(checkpoint.tensorNames()).containsExactly("f32", "q8.weight", "f16");
      assertThat(checkpoint.find("f32").orElseThrow().toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
      assertThat(checkpoint.require("f16", 3).toFloats()).containsExactly(7, 8, 9);
      assertThat(checkpoint.stored("q8.weight"))
          .contains(new StoredTensor("q8.weight", "Q8_0", Shape.of(2, 64), 2 * 2 * 34));
      assertThat(checkpoint.linear("q8", 2, 64).format()).hasToString("Q8_0");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 8, 64, 4096})
  void keepsToTheAlignment(int alignment) {
    try (Checkpoint checkpoint = open(sound().alignment(alignment))) {
      assertThat(checkpoint.require("f16", 3).toFloats()).containsExactly(7, 8, 9);
    }
  }

  @Test
  void stepsOverWhatNobodyAsksFor() {
    GgufBytes file =
        sound()
            .text("tokenizer.chat_template", "x".repeat(100_000))
            .pair("a.numbers", 9, array(5, 3, 1, 2, 3))
            .pair("a.long", 10, ByteBuffer.allocate(8))
            .pair("a.double", 12, ByteBuffer.allocate(8))
            .pair("a.words", 9, words("one", "", "three"));
    try (Checkpoint checkpoint = open(file)) {
      assertThat(checkpoint.gguf().orElseThrow().has("expert_count")).isTrue();
    }
  }

  private static ByteBuffer array(int type, long count, int... values) {
    ByteBuffer buffer =
        ByteBuffer.allocate(12 + 4 * values.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(type)
            .putLong(count);
    for (int value : values) {
      buffer.putInt(value);
    }
    return buffer;
  }

  private static ByteBuffer words(String... words) {
    int size = Arrays.stream(words).mapToInt(word -> 8 + word.length()).sum();
    ByteBuffer buffer =
        ByteBuffer.allocate(12 + size)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(8)
            .putLong(words.length);
    for (String word : words) {
      buffer.putLong(word.length()).put(word.getBytes(StandardCharsets.US_ASCII));
    }
    return buffer;
  }

  @Test
  void namesWhatTheHeaderHasWrong() {
    assertRefused(sound().version(1), "version 1", "2 and 3");
    assertRefused(sound().version(4), "version 4");
    assertRefused(sound().version(0x03000000), "little-endian");
    assertRefused(sound().integer("olmoe.expert_count", 4), "\"olmoe.expert_count\"", "twice");
    assertRefused(sound().tensor("f32", 0, new byte[4], 1), "\"f32\"", "twice");
    assertRefused(sound().tensor("x", 0, new byte[0], 0), "\"x\"", "dimension of 0");
    assertRefused(sound().tensor("x", 0, new byte[4], 1, 1, 1, 1, 1), "5 dimensions");
    assertRefused(sound().tensor("x", 0, new byte[0]), "0 dimensions");
    assertRefused(sound().tensor("x", 0, new byte[4], 1L << 40), "truncated");
    assertRefused(
        sound().tensor("x", 0, new byte[4], 1L << 40, 1L << 40), "more bytes than can be counted");
    assertRefused(sound().tensor("x", 8, new byte[34], 33), "33 elements", "blocks of 32", "Q8_0");
    assertRefused(sound().pair("k", 13, ByteBuffer.allocate(0)), "\"k\"", "type 13");
    assertRefused(sound().pair("k", 9, array(9, 1)), "\"k\"", "array in an array");
    assertRefused(sound().pair("k", 9, array(8, Long.MAX_VALUE)), "\"k\"", "can hold");
    assertRefused(sound().pair("k", 9, array(12, 1L << 60)), "\"k\"", "can hold");
    assertRefused(sound().pair("k", 7, ByteBuffer.allocate(1).put((byte) 2)), "\"k\" is 2");
    assertRefused(sound().integer("general.alignment", 3), "general.alignment", "3");
    assertRefused(sound().integer("general.alignment", 0), "general.alignment");
    assertRefused(sound().text("general.alignment", "32"), "general.alignment");
    assertRefused(sound().pair("k", 8, longOf(1L << 62)), "\"k\"", "can hold");
  }

  private static ByteBuffer longOf(long value) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value);
  }

  @Test
  void believesNoCount() throws IOException {
    byte[] bytes = sound().bytes();
    for (int at : new int[] {8, 16, 24}) { // tensors, pairs, the length of the first key
      for (long claimed : new long[] {-1, Long.MAX_VALUE, 1L << 33, bytes.length}) {
        byte[] hostile = bytes.clone();
        ByteBuffer.wrap(hostile).order(ByteOrder.LITTLE_ENDIAN).putLong(at, claimed);
        assertThatThrownBy(() -> open(hostile).close()).isInstanceOf(CheckpointException.class);
      }
    }
  }

  @Test
  void refusesTensorsThatOverlapOrAreNotAligned() {
    byte[] bytes = sound().bytes();
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int offset = text.lastIndexOf("f16") + 3 + 4 + 8 + 4;
    for (long moved : new long[] {0, 32, 8, Long.MIN_VALUE, 1L << 50}) {
      byte[] hostile = bytes.clone();
      ByteBuffer.wrap(hostile).order(ByteOrder.LITTLE_ENDIAN).putLong(offset, moved);
      assertThatThrownBy(() -> open(hostile).close())
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("f16");
    }
  }

  /// Every prefix of a file is refused in a sentence that names the file.
  @Test
  void survivesEveryTruncation() throws IOException {
    byte[] bytes = sound().bytes();
    for (int length = 0; length < bytes.length; length++) {
      byte[] part = Arrays.copyOf(bytes, length);
      assertThatThrownBy(() -> open(part).close())
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("model.gguf");
    }
  }

  @Test
  void survivesBrokenBytes() throws IOException {
    byte[] bytes = sound().bytes();
    Random random = new Random(11);
    for (int i = 0; i < BROKEN_FILES; i++) {
      byte[] broken = bytes.clone();
      for (int n = random.nextInt(1, 4); n > 0; n--) {
        broken[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
      }
      try (Checkpoint checkpoint = open(broken);
          Arena arena = Arena.ofConfined()) {
        checkpoint.gguf().orElseThrow().count("expert_count");
        checkpoint.linear("q8", 2, 64).load(arena);
      } catch (MoeException e) {
        assertThat(e.getMessage()).contains("model.gguf").doesNotContain("\n");
      }
    }
  }

  @Test
  void aTypeThatIsNotReadMattersOnlyWhereItIsAskedFor() {
    GgufBytes file =
        sound()
            .tensor("q1.weight", 41, new byte[36], 256)
            .tensor("new.weight", 77, new byte[1], 64);
    try (Checkpoint checkpoint = open(file)) {
      assertThat(checkpoint.require("f16", 3).toFloats()).hasSize(3);
      assertThatThrownBy(() -> checkpoint.linear("q1", 1, 256))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("model.gguf", "\"q1.weight\" is Q1_0", "Q4_K");
      assertThatThrownBy(() -> checkpoint.linear("new", 1, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("model.gguf", "\"new.weight\"", "type number 77");
      assertThatThrownBy(() -> checkpoint.require("q8.weight", 2, 64))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"q8.weight\" is Q8_0");
      assertThatThrownBy(() -> checkpoint.linear("q8", 64, 2))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"q8.weight\" is [2, 64], expected [64, 2]");
      assertThatThrownBy(checkpoint::config)
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("no config.json");
    }
  }

  /// To ggml it is one with a dimension of 1 in front.
  @Test
  void aMatrixIsAStackOfOne() {
    ByteBuffer blocks = ByteBuffer.allocate(2 * 2 * 34).order(ByteOrder.LITTLE_ENDIAN);
    for (int block = 0; block < 4; block++) {
      blocks.putShort((short) 0x3C00); // 1 in F16
      for (int i = 0; i < 32; i++) {
        blocks.put((byte) (32 * block + i - 64));
      }
    }
    GgufBytes file =
        GgufBytes.of("olmoe")
            .tensor("q8.weight", 8, blocks.array(), 64, 2)
            .tensor(HeapTensors.f32("f32", Shape.of(2, 3), 1, 2, 3, 4, 5, 6));
    try (Checkpoint checkpoint = open(file);
        Arena arena = Arena.ofConfined()) {
      float[] row = new float[64];
      checkpoint.stack("q8.weight", 1, 2, 64, false).part(0, 1, 1, 1).load(arena).decodeRow(0, row);
      for (int i = 0; i < row.length; i++) {
        assertThat(row[i]).isEqualTo(i);
      }
      float[] plain = new float[3];
      checkpoint.stack("f32", 1, 2, 3, false).part(0, 1, 1, 1).load(arena).decodeRow(0, plain);
      assertThat(plain).containsExactly(4, 5, 6);
      assertThatThrownBy(() -> checkpoint.stack("q8.weight", 2, 1, 64, false))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("\"q8.weight\" is [2, 64], expected [2, 1, 64]");
    }
  }

  @Test
  void namesTheBlockWhoseScaleIsNoNumber() {
    byte[] blocks = Q80.clone();
    blocks[3 * 34 + 1] = 0x7C; // an infinity
    GgufBytes file = GgufBytes.of("olmoe").tensor("q8.weight", 8, blocks, 64, 2);
    try (Checkpoint checkpoint = open(file);
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear("q8", 2, 64);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("model.gguf", "\"q8.weight\"", "block 1 of row 1");
    }
  }

  @Test
  void saysWhichKeyIsMissingOrWrong() {
    GgufBytes file =
        GgufBytes.of("olmoe")
            .text("olmoe.expert_count", "8")
            .number("olmoe.expert_weights_scale", Float.NaN)
            .integer("olmoe.expert_weights_norm", 1)
            .pair("olmoe.list", 9, array(5, 1, 1));
    try (Checkpoint checkpoint = open(file)) {
      GgufMetadata metadata = checkpoint.gguf().orElseThrow();
      assertThatThrownBy(() -> metadata.positive("expert_count"))
          .hasMessageContainingAll("\"olmoe.expert_count\"", "whole number", "found 8");
      assertThatThrownBy(() -> metadata.positive("block_count"))
          .hasMessageContaining("no \"olmoe.block_count\"");
      assertThatThrownBy(() -> metadata.numberOr(1, "expert_weights_scale"))
          .hasMessageContainingAll("finite number", "NaN");
      assertThatThrownBy(() -> metadata.flagOr(true, "expert_weights_norm"))
          .hasMessageContaining("true or false");
      assertThatThrownBy(() -> metadata.count("list"))
          .hasMessageContaining("an array of 1 elements");
    }
  }

  private static GgufBytes sound() {
    return GgufBytes.of("olmoe")
        .integer("olmoe.expert_count", 4)
        .number("olmoe.expert_weights_scale", 2.5f)
        .flag("olmoe.expert_weights_norm", true)
        .tensor(HeapTensors.f32("f32", Shape.of(2, 3), 1, 2, 3, 4, 5, 6))
        .tensor("q8.weight", 8, Q80, 64, 2)
        .tensor(HeapTensors.floats("f16", DType.F16, Shape.of(3), 7, 8, 9));
  }

  private void assertRefused(GgufBytes file, String... says) {
    assertThatThrownBy(() -> open(file).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(directory.resolve("model.gguf").toString())
        .hasMessageContainingAll(says);
    byte[] bytes = file.bytes();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory =
          arena.allocate(bytes.length, 32).copyFrom(MemorySegment.ofArray(bytes));
      assertThatThrownBy(() -> Checkpoint.open(memory, "mine").close())
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith("mine: ")
          .hasMessageContainingAll(says);
    }
  }

  private Checkpoint open(GgufBytes file) {
    file.write(directory.resolve("model.gguf"));
    return Checkpoint.open(directory);
  }

  private Checkpoint open(byte[] bytes) throws IOException {
    Files.write(directory.resolve("model.gguf"), bytes);
    return Checkpoint.open(directory);
  }
}
