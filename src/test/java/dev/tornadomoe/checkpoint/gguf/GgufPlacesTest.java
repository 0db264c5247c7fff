package dev.tornadomoe.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Which files make a GGUF model.
class GgufPlacesTest {
  @TempDir Path directory;

  @Test
  void aFileByItself() {
    Path file = model("other.gguf", "a");
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.tensorNames()).containsExactly("a");
      assertThat(checkpoint.directory()).isEqualTo(directory);
      assertThat(checkpoint.fileOf("a")).isEqualTo(file.toString());
    }
  }

  @Test
  void theOnlyOneInADirectory() {
    model("Some-Model-Q4_K_M.gguf", "a");
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThat(checkpoint.tensorNames()).containsExactly("a");
    }
  }

  @Test
  void modelGgufAmongSeveral() {
    model("other.gguf", "a");
    model("model.gguf", "b");
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThat(checkpoint.tensorNames()).containsExactly("b");
    }
  }

  @Test
  void severalAreAQuestion() {
    model("x-Q4_0.gguf", "a");
    model("x-Q8_0.gguf", "a");
    assertRefused(directory, "2 GGUF models", "x-Q4_0.gguf", "by its name");
  }

  /// Repositories with GGUF files often have the original's config.
  @Test
  void aConfigBesideItDoesNotMatter() {
    model("x.gguf", "a");
    ModelDirectory.writeText(directory.resolve("config.json"), "{\"model_type\": \"olmoe\"}");
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThat(checkpoint.gguf()).isPresent();
    }
  }

  @Test
  void safetensorsWin() {
    model("x.gguf", "a");
    ModelDirectory.write(
        directory,
        "{\"model_type\": \"olmoe\"}",
        TensorSet.of(HeapTensors.f32("b", Shape.of(1), 1)).tensors());
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThat(checkpoint.gguf()).isEmpty();
      assertThat(checkpoint.tensorNames()).containsExactly("b");
    }
  }

  @Test
  void allPartsFromAnyOfThem() {
    part(1, 3, "a");
    Path second = part(2, 3, "b");
    part(3, 3, "c");
    for (Path path : new Path[] {directory, second, directory.resolve("m-00001-of-00003.gguf")}) {
      try (Checkpoint checkpoint = Checkpoint.open(path)) {
        assertThat(checkpoint.tensorNames()).containsExactly("a", "b", "c");
        assertThat(checkpoint.fileOf("b")).isEqualTo(second.toString());
        assertThat(checkpoint.require("b", 1).toFloats()).containsExactly(2);
        assertThat(checkpoint.gguf().orElseThrow().architecture()).isEqualTo("olmoe");
      }
    }
  }

  @Test
  void namesThePartThatIsMissing() throws IOException {
    part(1, 3, "a");
    part(2, 3, "b");
    assertRefused(directory, "m-00003-of-00003.gguf", "part 3 of 3 is missing");
    part(3, 3, "c");
    Path first = directory.resolve("m-00001-of-00003.gguf");
    Files.delete(first);
    assertRefused(directory, first.toString(), "part 1 of 3 is missing");
    Files.createSymbolicLink(first, Path.of("../../blobs/gone"));
    assertRefused(directory, first.toString(), "a link to a file that is not there");
  }

  @Test
  void refusesPartsThatDoNotBelongTogether() throws IOException {
    part(1, 2, "a");
    part(2, 2, "a");
    assertRefused(directory, "\"a\"", "m-00001-of-00002.gguf");
    part(2, 2, "b");
    Files.copy(
        directory.resolve("m-00001-of-00002.gguf"), directory.resolve("n-00001-of-00002.gguf"));
    Files.copy(
        directory.resolve("m-00001-of-00002.gguf"), directory.resolve("n-00002-of-00002.gguf"));
    assertRefused(
        directory.resolve("n-00001-of-00002.gguf"),
        "n-00002-of-00002.gguf",
        "part 1 of 2, expected 2 of 2");
    Files.move(directory.resolve("m-00001-of-00002.gguf"), directory.resolve("renamed.gguf"));
    assertRefused(directory.resolve("renamed.gguf"), "one of 2 parts", "-00001-of-00002.gguf");
  }

  @Test
  void countsTheTensorsOfAllParts() {
    GgufBytes.of("olmoe")
        .shortInteger("split.no", 0)
        .shortInteger("split.count", 2)
        .integer("split.tensors.count", 5)
        .tensor(HeapTensors.f32("a", Shape.of(1), 1))
        .write(directory.resolve("m-00001-of-00002.gguf"));
    part(2, 2, "b");
    assertRefused(directory, "5 tensors", "2 parts have 2");
  }

  @Test
  void saysWhatWasExpectedOfOtherPaths() throws IOException {
    assertRefused(directory.resolve("none.gguf"), "no such");
    Path text = Files.writeString(directory.resolve("model.txt"), "x");
    assertRefused(text, "not a directory", ".gguf");
    assertRefused(directory, "no config.json");
    Path short1 = Files.writeString(directory.resolve("short.gguf"), "GGUF");
    assertRefused(short1, "4 bytes", "too short");
    Path other = Files.writeString(directory.resolve("other.gguf"), "x".repeat(100));
    assertRefused(other, "\"GGUF\"");
  }

  private static void assertRefused(Path path, String... says) {
    assertThatThrownBy(() -> Checkpoint.open(path).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(says);
  }

  private Path model(String name, String tensor) {
    return GgufBytes.of("olmoe")
        .tensor(HeapTensors.f32(tensor, Shape.of(1), 1))
        .write(directory.resolve(name));
  }

  private Path part(int number, int of, String tensor) {
    GgufBytes file = number == 1 ? GgufBytes.of("olmoe") : GgufBytes.empty();
    return file.shortInteger("split.no", number - 1)
        .shortInteger("split.count", of)
        .integer("split.tensors.count", of)
        .tensor(HeapTensors.f32(tensor, Shape.of(1), number))
        .write(directory.resolve(String.format(Locale.ROOT, "m-%05d-of-%05d.gguf", number, of)));
  }
}
