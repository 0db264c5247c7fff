package dev.tornadomoe.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.gguf.GgufBytes;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A model that an engine has in memory is the model of its file.
class ModelInMemoryTest {
  private static final String NAME = "engine's model";

  @TempDir private Path directory;

  private static Path golden(String name) throws URISyntaxException {
    return Path.of(ModelInMemoryTest.class.getResource("/golden/" + name).toURI());
  }

  private static Path golden() throws URISyntaxException {
    return golden("gguf/qwen3moe-q4_0/model.gguf");
  }

  private static float[] run(Session session) {
    MoeLayer layer = session.plan().layers().getFirst();
    float[] output = new float[2 * layer.hidden()];
    session.run(Rows.of(Rows.random(output.length, 5)), 2, Rows.of(output));
    return output;
  }

  private static Session prepare(Checkpoint checkpoint) {
    MoeModel model = MoeModel.of(checkpoint);
    return Backends.require("cpu")
        .prepare(
            Planner.builder()
                .maxTokens(2)
                .build()
                .plan(model.layer(model.layerIndices().getFirst())));
  }

  @Test
  void givesTheResultsOfTheFile() throws Exception {
    try (Arena arena = Arena.ofShared();
        Checkpoint ofFile = Checkpoint.open(golden());
        Checkpoint ofMemory =
            Checkpoint.open(FilesAsMemory.copyOf(Files.readAllBytes(golden()), arena), NAME)) {
      assertThat(ofMemory.tensorNames()).containsExactlyElementsOf(ofFile.tensorNames());
      try (Session expected = prepare(ofFile);
          Session found = prepare(ofMemory)) {
        assertThat(run(found)).isEqualTo(run(expected));
      }
    }
  }

  /// Each kind of storage, and a config that says nothing of it beside a file that does.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "hf/mixtral",
        "w4a16/mixtral-awq_g64",
        "fp8_int8_fp4/gpt_oss-mxfp4",
        "gguf/mixtral-q2_k_q3_k"
      })
  void filesByTheirNamesAreTheDirectory(String name) throws Exception {
    requireSame(golden(name));
  }

  @Test
  void shardsAreFoundThroughTheirIndex() throws Exception {
    Path whole = golden("hf/qwen3_moe");
    Files.copy(whole.resolve("config.json"), directory.resolve("config.json"));
    Map<String, String> shardOf = new TreeMap<>();
    try (TensorFile tensors = TensorFile.open(whole.resolve("model.safetensors"))) {
      Map<String, List<TensorView>> shards = new TreeMap<>();
      for (String tensor : tensors.names()) {
        String shard = tensor.contains("layers.0.") ? "first.safetensors" : "second.safetensors";
        shardOf.put(tensor, shard);
        shards.computeIfAbsent(shard, s -> new ArrayList<>()).add(tensors.require(tensor));
      }
      shards.forEach((shard, of) -> SafetensorsWriter.write(directory.resolve(shard), of));
    }
    ModelDirectory.writeIndex(directory, Files.readString(whole.resolve("config.json")), shardOf);
    requireSame(directory);
    try (Arena arena = Arena.ofShared()) {
      Map<String, MemorySegment> files = FilesAsMemory.of(directory, arena);
      files.remove("second.safetensors");
      try (Checkpoint checkpoint = Checkpoint.open(files, NAME)) {
        String missing = "model.layers.1.mlp.gate.weight";
        assertThatThrownBy(() -> checkpoint.find(missing))
            .isInstanceOf(CheckpointException.class)
            .hasMessage(
                NAME
                    + "/second.safetensors: shard is missing, it should hold tensor \""
                    + (missing + "\""));
      }
    }
  }

  @Test
  void partsOfAGgufModelAreOne() {
    for (int part = 1; part <= 2; part++) {
      GgufBytes file = part == 1 ? GgufBytes.of("olmoe") : GgufBytes.empty();
      file.shortInteger("split.no", part - 1)
          .shortInteger("split.count", 2)
          .integer("split.tensors.count", 2)
          .tensor(HeapTensors.f32("t" + part, Shape.of(1), part))
          .write(directory.resolve("m-0000" + part + "-of-00002.gguf"));
    }
    try (Arena arena = Arena.ofShared()) {
      Map<String, MemorySegment> files = FilesAsMemory.of(directory, arena);
      try (Checkpoint checkpoint = Checkpoint.open(files, NAME)) {
        assertThat(checkpoint.require("t2", 1).toFloats()).containsExactly(2);
        assertThat(checkpoint.fileOf("t2")).isEqualTo(NAME + "/m-00002-of-00002.gguf");
      }
      files.put("n-00001-of-00002.gguf", files.get("m-00001-of-00002.gguf"));
      refuses(
          files,
          NAME + ": there are 2 GGUF models (m-00001-of-00002.gguf, ...); leave out all but one");
      files.keySet().removeIf(name -> name.contains("00001"));
      refuses(files, NAME + "/m-00001-of-00002.gguf: part 1 of 2 is missing");
    }
  }

  /// As in a directory: `model.gguf` is the model, or else the only one that is a model.
  @ParameterizedTest
  @CsvSource({"model.gguf, m.gguf", "tiny.gguf, mmproj.gguf", "tiny.gguf, a-mmproj.gguf"})
  void aGgufModelIsFoundBesideOtherFiles(String model, String other) throws Exception {
    Files.copy(golden(), directory.resolve(model));
    GgufBytes encoder = other.contains("mmproj") ? GgufBytes.of("clip") : GgufBytes.of("olmoe");
    encoder.write(directory.resolve(other));
    requireSame(directory);
  }

  @Test
  void refusesFilesThatAreNoModel() throws Exception {
    refuses(
        Map.of("weights.bin", MemorySegment.NULL),
        NAME
            + ": neither model.safetensors nor model.safetensors.index.json nor a .gguf file is"
            + " among the model's files in memory (weights.bin)");
    try (Arena arena = Arena.ofShared()) {
      Map<String, MemorySegment> files = FilesAsMemory.of(golden("hf/mixtral"), arena);
      MemorySegment config = files.remove("config.json");
      refuses(files, NAME + ": model.safetensors is there, but no config.json");
      files.put("config.json", config.asSlice(0, config.byteSize() - 2));
      refuses(files, NAME + "/config.json: not valid JSON");
      files.put("config.json", MemorySegment.ofArray(config.toArray(ValueLayout.JAVA_BYTE)));
      MemorySegment tensors = files.get("model.safetensors");
      for (long length : new long[] {0, 7, 100, tensors.byteSize() - 1}) {
        files.put("model.safetensors", tensors.asSlice(0, length));
        refuses(files, NAME + "/model.safetensors: ");
      }
      files.put("model.safetensors", MemorySegment.ofArray(new byte[100]));
      refuses(
          files,
          NAME
              + "/model.safetensors: the memory of the model is a Java array, expected native"
              + " memory, as of a mapped file");
      files.put("model.safetensors", tensors);
      try (Checkpoint checkpoint = Checkpoint.open(files, NAME)) {
        assertThatThrownBy(checkpoint::fingerprint)
            .isInstanceOf(CheckpointException.class)
            .hasMessage(NAME + ": a model in memory has no files to tell it by");
      }
    }
  }

  /// A hostile index names files elsewhere.
  @Test
  void shardsAreFilesOfTheModel() {
    ModelDirectory.writeIndex(directory, "{}", Map.of("a", "../elsewhere.safetensors"));
    try (Arena arena = Arena.ofShared()) {
      refuses(
          FilesAsMemory.of(directory, arena),
          NAME
              + "/model.safetensors.index.json: tensor \"a\" is mapped to"
              + " ../elsewhere.safetensors, expected the name of a file beside the index");
    }
  }

  private static void refuses(Map<String, MemorySegment> files, String beginning) {
    assertThatThrownBy(() -> Checkpoint.open(files, NAME).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(beginning);
  }

  private static void requireSame(Path model) {
    try (Arena arena = Arena.ofShared();
        Checkpoint ofFiles = Checkpoint.open(model);
        Checkpoint ofMemory = Checkpoint.open(FilesAsMemory.of(model, arena), NAME)) {
      assertThat(ofMemory.tensorNames()).containsExactlyElementsOf(ofFiles.tensorNames());
      try (Session expected = prepare(ofFiles);
          Session found = prepare(ofMemory)) {
        assertThat(run(found)).isEqualTo(run(expected));
      }
    }
  }

  @Test
  void memoryThatGoesTooEarlyIsASentence() throws Exception {
    Arena arena = Arena.ofShared();
    try (Checkpoint checkpoint =
            Checkpoint.open(FilesAsMemory.copyOf(Files.readAllBytes(golden()), arena), NAME);
        Session session = prepare(checkpoint)) {
      arena.close();
      assertThatThrownBy(() -> run(session))
          .isInstanceOf(MoeException.class)
          .hasMessageStartingWith("the weights' memory is gone");
    }
  }

  @Test
  void refusesMemoryThatKernelsCanNotUse() throws Exception {
    byte[] bytes = Files.readAllBytes(golden());
    refuses(
        MemorySegment.ofArray(bytes),
        "is a Java array, expected native memory, as of a mapped file");
    try (Arena arena = Arena.ofConfined()) {
      refuses(
          FilesAsMemory.copyOf(bytes, arena),
          "belongs to one thread, but several work on it; use Arena.ofShared() or Arena.ofAuto()");
    }
    Arena closed = Arena.ofShared();
    MemorySegment gone = FilesAsMemory.copyOf(bytes, closed);
    closed.close();
    refuses(gone, "has been closed");
    try (Arena arena = Arena.ofShared()) {
      MemorySegment odd = arena.allocate(bytes.length + 1L, 32).asSlice(1);
      refuses(odd, "begins at address " + odd.address() + ", expected a multiple of 32");
    }
  }

  private static void refuses(MemorySegment memory, String why) {
    assertThatThrownBy(() -> Checkpoint.open(memory, NAME).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessage(NAME + ": the memory of the model " + why);
  }

  /// At every length, as `GgufFileTest` has it for files: nothing is read behind the end.
  @Test
  void refusesWhatIsCutShort() throws IOException, URISyntaxException {
    byte[] bytes = Files.readAllBytes(golden());
    try (Arena arena = Arena.ofShared()) {
      MemorySegment whole = FilesAsMemory.copyOf(bytes, arena);
      for (int length = 0; length < 4096; length += 7) {
        MemorySegment cut = whole.asSlice(0, length);
        assertThatThrownBy(() -> Checkpoint.open(cut, NAME).close())
            .isInstanceOf(CheckpointException.class)
            .hasMessageStartingWith(NAME + ": ");
      }
      MemorySegment short1 = whole.asSlice(0, bytes.length - 1L);
      assertThatThrownBy(() -> Checkpoint.open(short1, NAME).close())
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("truncated?");
      whole.set(ValueLayout.JAVA_BYTE, 0, (byte) 'X');
      assertThatThrownBy(() -> Checkpoint.open(whole, NAME).close())
          .isInstanceOf(CheckpointException.class)
          .hasMessage(NAME + ": does not begin with \"GGUF\"");
    }
  }

  @Test
  void refusesAPartOfAModel() {
    try (Arena arena = Arena.ofShared()) {
      byte[] part = GgufBytes.of("olmoe").shortInteger("split.count", 3).bytes();
      MemorySegment memory = FilesAsMemory.copyOf(part, arena);
      assertThatThrownBy(() -> Checkpoint.open(memory, NAME).close())
          .isInstanceOf(CheckpointException.class)
          .hasMessage(
              NAME
                  + ": is one of 3 parts, but its name does not end in -00001-of-00003.gguf or the"
                  + " like");
      assertThatThrownBy(() -> Checkpoint.open(memory, "a\0b").close())
          .isInstanceOf(CheckpointException.class)
          .hasMessage("a model in memory needs a name that a file could have");
    }
  }
}
