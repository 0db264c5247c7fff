package dev.tornadomoe.checkpoint.safetensors;

import static dev.tornadomoe.tensor.HeapTensors.f32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShardedCheckpointTest {
  private static final String FIRST = "model-00001-of-00002.safetensors";
  private static final String SECOND = "model-00002-of-00002.safetensors";

  @TempDir Path parent;
  private Path directory;

  /// One level down: what lies beside it is the test's own, too.
  @BeforeEach
  void makeDirectory() throws IOException {
    directory = Files.createDirectory(parent.resolve("checkpoint"));
  }

  @Test
  void readsEachTensorFromItsShard() {
    writeIndex(Map.of("a", FIRST, "b", SECOND, "c", FIRST));
    writeShard(FIRST, "a", 1, "c", 3);
    writeShard(SECOND, "b", 2);
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThat(checkpoint.tensorNames()).containsExactlyInAnyOrder("a", "b", "c");
      assertThat(checkpoint.require("a", 1).toFloats()).containsExactly(1);
      assertThat(checkpoint.require("b", 1).toFloats()).containsExactly(2);
      assertThat(checkpoint.require("c", 1).toFloats()).containsExactly(3);
      assertThat(checkpoint.fileOf("b")).isEqualTo(directory.resolve(SECOND).toString());
      assertThat(checkpoint.find("d")).isEmpty();
    }
  }

  @Test
  void opensOnlyTheShardsItNeeds() {
    writeIndex(Map.of("a", FIRST, "b", SECOND));
    writeShard(FIRST, "a", 1);
    RawSafetensors.write(directory.resolve(SECOND), new byte[3]); // broken, and nobody minds
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThat(checkpoint.require("a", 1).toFloats()).containsExactly(1);
      assertThatThrownBy(() -> checkpoint.require("b", 1))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(SECOND, "too short");
      assertThat(checkpoint.require("a", 1).toFloats()).containsExactly(1);
    }
  }

  @Test
  void namesAMissingShardAndTheTensorInIt() throws IOException {
    writeIndex(Map.of("a", FIRST, "b", SECOND));
    writeShard(FIRST, "a", 1);
    Path second = directory.resolve(SECOND);
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThatThrownBy(() -> checkpoint.find("b"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(second.toString(), "missing", "\"b\"");
      Files.createSymbolicLink(second, Path.of("../../blobs/gone"));
      assertThatThrownBy(() -> checkpoint.find("b"))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(second + ": a link to a file that is not there");
    }
  }

  @Test
  void refusesAShardWithoutTheTensorThatTheIndexPutsThere() {
    Path index = writeIndex(Map.of("a", FIRST));
    writeShard(FIRST, "z", 1);
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThatThrownBy(() -> checkpoint.find("a"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(directory.resolve(FIRST).toString(), "\"a\"", index.toString());
    }
  }

  @Test
  void namesTheIndexForATensorThatItDoesNotHave() {
    Path index = writeIndex(Map.of("a", FIRST));
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThatThrownBy(() -> checkpoint.require("b", 1))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(index.toString(), "\"b\"", "missing");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"../x", "..", "", "sub/x", "./x", "/etc/passwd", "..\\\\x", "x\\u0000", "\\ud800"})
  void refusesShardsThatAreNoPlainFileNames(String shard) {
    Path outside = directory.resolveSibling("x");
    Path index = writeIndex(Map.of("a", shard));
    assertThatThrownBy(
            () -> {
              try (Checkpoint checkpoint = Checkpoint.open(directory)) {
                checkpoint.find("a");
              }
            })
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll(index.toString(), "\"a\"");
    assertThat(outside).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {".", "config.json", "model.safetensors.index.json"})
  void refusesShardsThatAreNoSafetensorsFiles(String shard) {
    writeIndex(Map.of("a", shard));
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThatThrownBy(() -> checkpoint.find("a"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining(shard);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"weight_map\": null}",
        "{\"weight_map\": [\"a\"]}",
        "{\"weight_map\": {\"a\": 1}}",
        "{\"weight_map\": {\"a\": null}}",
        "{\"weight_map\": {\"a\": [\"x\"]}}",
        "{\"weight_map\": {\"a\": \"x\", \"a\": \"y\"}}",
        "[]",
        "",
        "{\"weight_map\": {",
      })
  void refusesAnIndexWithoutAMapFromTensorsToFiles(String json) {
    Path index = writeIndex(Map.of());
    ModelDirectory.writeText(index, json);
    assertThatThrownBy(() -> Checkpoint.open(directory).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(index.toString());
  }

  private Path writeIndex(Map<String, String> shardOf) {
    return ModelDirectory.writeIndex(directory, "{}", shardOf)
        .resolve("model.safetensors.index.json");
  }

  private void writeShard(String file, String name, float value) {
    SafetensorsWriter.write(directory.resolve(file), List.of(f32(name, Shape.of(1), value)));
  }

  private void writeShard(String file, String name, float value, String other, float second) {
    SafetensorsWriter.write(
        directory.resolve(file),
        List.of(f32(name, Shape.of(1), value), f32(other, Shape.of(1), second)));
  }
}
