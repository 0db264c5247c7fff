package dev.tornadomoe.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.family.MoeModel;
import dev.tornadomoe.plan.Planner;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// A model that an engine has in memory is the model of its file.
class GgufMemoryTest {
  private static final String NAME = "engine's model";

  private static Path golden() throws URISyntaxException {
    return Path.of(
        GgufMemoryTest.class.getResource("/golden/gguf/qwen3moe-q4_0/model.gguf").toURI());
  }

  private static MemorySegment copyOf(byte[] bytes, Arena arena) {
    return arena.allocate(bytes.length, 32).copyFrom(MemorySegment.ofArray(bytes));
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
        Checkpoint ofMemory = Checkpoint.open(copyOf(Files.readAllBytes(golden()), arena), NAME)) {
      assertThat(ofMemory.tensorNames()).containsExactlyElementsOf(ofFile.tensorNames());
      try (Session expected = prepare(ofFile);
          Session found = prepare(ofMemory)) {
        assertThat(run(found)).isEqualTo(run(expected));
      }
    }
  }

  @Test
  void memoryThatGoesTooEarlyIsASentence() throws Exception {
    Arena arena = Arena.ofShared();
    try (Checkpoint checkpoint =
            Checkpoint.open(copyOf(Files.readAllBytes(golden()), arena), NAME);
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
          copyOf(bytes, arena),
          "belongs to one thread, but several work on it; use Arena.ofShared() or Arena.ofAuto()");
    }
    Arena closed = Arena.ofShared();
    MemorySegment gone = copyOf(bytes, closed);
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
      MemorySegment whole = copyOf(bytes, arena);
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
      MemorySegment memory = copyOf(part, arena);
      assertThatThrownBy(() -> Checkpoint.open(memory, NAME).close())
          .isInstanceOf(CheckpointException.class)
          .hasMessage(
              NAME + ": is one of 3 parts; in memory a model is one, so open its files instead");
      assertThatThrownBy(() -> Checkpoint.open(memory, "a\0b").close())
          .isInstanceOf(CheckpointException.class)
          .hasMessage("a model in memory needs a name that a file could have");
    }
  }
}
