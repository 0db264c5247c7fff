package dev.tornadomoe.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path directory;

  @Test
  void writesTheFormat() throws IOException {
    Path file = directory.resolve("x.safetensors");
    SafetensorsWriter.write(
        file,
        List.of(
            HeapTensors.of("a", DType.U8, Shape.of(3), (byte) 1, (byte) 2, (byte) 3),
            HeapTensors.i32("b", Shape.of(1, 1), 0x07060504)));
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    int length = Math.toIntExact(bytes.getLong());
    assertThat(length % 8).as("the data's alignment").isZero();
    byte[] header = new byte[length];
    bytes.get(header);
    assertThat(new String(header, StandardCharsets.UTF_8).strip())
        .isEqualTo(
            "{\"__metadata__\":{\"format\":\"pt\"},"
                + "\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
                + "\"b\":{\"dtype\":\"I32\",\"shape\":[1,1],\"data_offsets\":[3,7]}}");
    byte[] data = new byte[bytes.remaining()];
    bytes.get(data);
    assertThat(data).containsExactly(1, 2, 3, 4, 5, 6, 7);
  }

  @Test
  void whatItWritesIsReadBack() {
    byte[] large = new byte[(1 << 20) * 2 + 5]; // more than one piece of the writer
    new Random(11).nextBytes(large);
    List<TensorView> tensors =
        List.of(
            HeapTensors.f32("scalar", Shape.of(), 2.5f),
            HeapTensors.f32("empty", Shape.of(0, 7)),
            HeapTensors.of("large, seed 11", DType.U8, Shape.of(large.length), large),
            HeapTensors.bf16("größe \"²\\\n専門家", Shape.of(2, 1), 1, -1),
            HeapTensors.i64("", Shape.of(1), Long.MIN_VALUE));
    Path file = directory.resolve("x.safetensors");
    SafetensorsWriter.write(file, tensors);
    try (TensorFile read = TensorFile.open(file)) {
      assertThat(read.names()).hasSize(tensors.size());
      for (TensorView tensor : tensors) {
        TensorView found = read.require(tensor.name());
        assertThat(found.dtype()).isEqualTo(tensor.dtype());
        assertThat(found.shape()).isEqualTo(tensor.shape());
        assertThat(found.data().mismatch(tensor.data())).as(tensor.name()).isEqualTo(-1);
      }
    }
  }

  @Test
  void writesAFileWithoutTensors() {
    Path file = directory.resolve("x.safetensors");
    SafetensorsWriter.write(file, List.of());
    try (TensorFile read = TensorFile.open(file)) {
      assertThat(read.names()).isEmpty();
    }
  }

  @Test
  void replacesAFileThatIsThere() throws IOException {
    Path file = directory.resolve("x.safetensors");
    Files.writeString(file, "old");
    SafetensorsWriter.write(file, List.of(HeapTensors.f32("x", Shape.of(1), 1)));
    try (TensorFile read = TensorFile.open(file)) {
      assertThat(read.names()).containsExactly("x");
    }
    assertThat(directory).isDirectoryContaining(path -> path.equals(file));
    assertThat(directory.toFile().list()).containsExactly("x.safetensors");
  }

  @Test
  void aFailureHalfwayLeavesNothingBehind() throws IOException {
    Path file = directory.resolve("x.safetensors");
    assertThatThrownBy(() -> SafetensorsWriter.write(file, soundThenClosed()))
        .isInstanceOf(IllegalStateException.class);
    assertThat(directory).isEmptyDirectory();

    Files.writeString(file, "old");
    assertThatThrownBy(() -> SafetensorsWriter.write(file, soundThenClosed()))
        .isInstanceOf(IllegalStateException.class);
    assertThat(file).hasContent("old");
    assertThat(directory.toFile().list()).containsExactly("x.safetensors");
  }

  @Test
  void refusesNamesThatWouldHideATensor() {
    Path file = directory.resolve("x.safetensors");
    assertRefused(file, "two tensors", "a", "b", "a");
    assertRefused(file, "no tensor can be called", "a", "__metadata__");
    assertThat(directory).isEmptyDirectory();
  }

  @Test
  void namesTheFileThatCannotBeWritten() {
    Path file = directory.resolve("absent").resolve("x.safetensors");
    assertThatThrownBy(() -> SafetensorsWriter.write(file, List.of()))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(file.toString(), "no directory");
  }

  private static void assertRefused(Path file, String says, String... names) {
    List<TensorView> tensors =
        Arrays.stream(names).map(name -> HeapTensors.f32(name, Shape.of(1), 1)).toList();
    assertThatThrownBy(() -> SafetensorsWriter.write(file, tensors))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(file.toString(), says, "\"" + names[names.length - 1] + "\"");
  }

  private static List<TensorView> soundThenClosed() {
    TensorView closed;
    try (Arena arena = Arena.ofConfined()) {
      closed =
          new TensorView(
              "closed", DType.F32, Shape.of(2), arena.allocate(ValueLayout.JAVA_FLOAT, 2));
    }
    return List.of(HeapTensors.f32("sound", Shape.of(1), 1), closed);
  }
}
