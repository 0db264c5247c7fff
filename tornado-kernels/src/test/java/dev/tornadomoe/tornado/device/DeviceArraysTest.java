package dev.tornadomoe.tornado.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.Reference;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Arrays that TornadoVM would take for one are never used together.
class DeviceArraysTest {

  /// Something whose hash code is known.
  private static final class Hashed {
    final int code;

    Hashed(int code) {
      this.code = code;
    }
  }

  private final DeviceArrays arrays = new DeviceArrays(array -> ((Hashed) array).code);

  @Test
  void anArrayWithTheHashCodeOfAnotherIsAllocatedAnew() {
    Hashed first = arrays.distinct(() -> new Hashed(7));
    Queue<Integer> codes = new ArrayDeque<>(List.of(7, 7, 8));
    assertThat(arrays.distinct(() -> new Hashed(codes.remove())).code).isEqualTo(8);
    assertThat(codes).isEmpty();
    Reference.reachabilityFence(first);
  }

  @Test
  void anArrayOfOthersIsAdmittedAgainButNotBesideAnotherOfItsHashCode() {
    Hashed theirs = new Hashed(7);
    assertThat(arrays.add(theirs)).isTrue();
    assertThat(arrays.add(theirs)).isTrue();
    assertThat(arrays.add(new Hashed(7))).isFalse();
    Reference.reachabilityFence(theirs);
  }

  @Test
  @Timeout(20)
  void theHashCodeOfAnArrayThatIsGoneIsFree() {
    assertThat(arrays.add(new Hashed(7))).isTrue();
    Hashed next =
        arrays.distinct(() -> {
          System.gc();
          return new Hashed(7);
        });
    assertThat(next.code).isEqualTo(7);
  }
}
