package dev.tornadomoe.parallel.mpi;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.parallel.Message;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Both ends of shared memory, in one process.
class MailboxTest {
  @TempDir private Path directory;

  @Test
  void scatteredSpansArriveCutDifferently() throws IOException {
    Path path = directory.resolve("box");
    Mailbox out = Mailbox.create(path);
    Mailbox in = Mailbox.open(path);
    Files.delete(path);
    // Spans shorter and longer than what one core copies; each message longer than the last.
    for (int bytes : new int[] {1000, 300_000, 1_500_000}) {
      for (int round = 0; round < 3; round++) {
        // Of all threads, and of this one alone.
        try (Arena arena = round == 0 ? Arena.ofConfined() : Arena.ofShared()) {
          pass(out, in, arena, bytes, round);
        }
      }
    }
  }

  private static void pass(Mailbox out, Mailbox in, Arena arena, int bytes, int round)
      throws IOException {
    MemorySegment from = random(arena, 2 * bytes, bytes + round);
    MemorySegment into = arena.allocate(2L * bytes);
    long room =
        out.put(
            new Message()
                .add(from, bytes + 5, bytes / 2)
                .add(from, 0, 12)
                .add(from, 100, bytes / 3));
    assertThat(room).isEqualTo(Mailbox.bytes(bytes / 2 + 12 + bytes / 3));
    assertThat(out.isEmpty()).isFalse();
    in.take(room, new Message().add(into, 7, bytes / 3).add(into, bytes, 12 + bytes / 2));
    assertThat(out.isEmpty()).isTrue();
    byte[] expected =
        joined(
            bytes(from, bytes + 5, bytes / 2),
            joined(bytes(from, 0, 12), bytes(from, 100, bytes / 3)));
    assertThat(joined(bytes(into, 7, bytes / 3), bytes(into, bytes, 12 + bytes / 2)))
        .isEqualTo(expected);
  }

  private static MemorySegment random(Arena arena, int bytes, long seed) {
    byte[] values = new byte[bytes];
    new Random(seed).nextBytes(values);
    return arena.allocateFrom(ValueLayout.JAVA_BYTE, values);
  }

  private static byte[] bytes(MemorySegment memory, long at, long count) {
    return memory.asSlice(at, count).toArray(ValueLayout.JAVA_BYTE);
  }

  private static byte[] joined(byte[] first, byte[] second) {
    byte[] all = new byte[first.length + second.length];
    System.arraycopy(first, 0, all, 0, first.length);
    System.arraycopy(second, 0, all, first.length, second.length);
    return all;
  }
}
