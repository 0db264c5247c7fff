package dev.tornadomoe.parallel.mpi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.tornadomoe.parallel.Message;
import dev.tornadomoe.parallel.ThreadRanks;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Ranks that are threads, of which the last two are elsewhere: on another host, and on one without
/// shared memory.
class HostMemoryTest {
  private static final int LONG = 1 << 20;

  @Test
  void longMessagesOneAtATimeBetweenRanksOfAHost() throws Exception {
    String place = HostMemory.place();
    assumeThat(place).as("what tells this system").isNotEmpty();
    List<String> places = List.of(place, place, "another " + place, "");
    List<HostMemory> hosts =
        ThreadRanks.run(4, ranks -> HostMemory.of(ranks, places.get(ranks.rank())));
    try (Stream<Path> files = Files.list(Path.of("/dev/shm"))) {
      String process = Long.toString(ProcessHandle.current().pid());
      assertThat(files.map(Path::toString)).noneMatch(name -> name.contains("moe-" + process));
    }
    HostMemory first = hosts.get(0);
    HostMemory second = hosts.get(1);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment from = arena.allocate(LONG).fill((byte) 7);
      MemorySegment into = arena.allocate(LONG);
      Message message = new Message().add(from, 0, LONG);
      assertThat(first.put(1, new Message().add(from, 0, 100))).as("a short one").isNull();
      assertThat(first.put(2, message)).isNull();
      assertThat(first.put(3, message)).isNull();
      assertThat(hosts.get(2).put(0, message)).isNull();
      assertThat(hosts.get(3).put(0, message)).isNull();

      MemorySegment note = first.put(1, message);
      assertThat(first.put(1, message)).as("the first one is there still").isNull();
      assertThat(first.isTaken(1)).isFalse();
      second.note(0).copyFrom(note);
      assertThat(second.length(0)).isEqualTo(LONG);
      second.take(0, new Message().add(into, 0, LONG));
      assertThat(first.isTaken(1)).isTrue();
      assertThat(into.toArray(ValueLayout.JAVA_BYTE)).containsOnly(7);
      assertThat(first.put(1, message)).isNotNull();
    }
  }
}
