package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/// A thread that does one thing at a time for another.
class DeviceThreadTest {
  @Test
  void worksWhileTheOtherGoesOn() throws InterruptedException {
    CountDownLatch gone = new CountDownLatch(1);
    List<String> done = Collections.synchronizedList(new ArrayList<>());
    try (DeviceThread thread = new DeviceThread()) {
      thread.begin(() -> {
        awaitQuietly(gone);
        done.add(Thread.currentThread().getName());
      });
      assertThat(done).isEmpty();
      gone.countDown();
      thread.await();
      assertThat(done).containsExactly("moe-device");
    }
  }

  @Test
  void aFailureIsThrownToWhoWaitsAndIsThenForgotten() {
    try (DeviceThread thread = new DeviceThread()) {
      thread.begin(() -> {
        throw new BackendException("the device is gone");
      });
      assertThatThrownBy(thread::await)
          .isInstanceOf(BackendException.class)
          .hasMessage("the device is gone");
      thread.await();
      thread.begin(() -> {
        throw new BackendException("once more");
      });
      int[] ran = new int[1];
      thread.begin(() -> ran[0]++);
      thread.await();
      assertThat(ran[0]).isEqualTo(1);
    }
  }

  /// It sleeps in between.
  @Test
  void doesOneThingAfterTheOther() {
    int[] ran = new int[1];
    try (DeviceThread thread = new DeviceThread()) {
      for (int i = 0; i < 1000; i++) {
        thread.begin(() -> ran[0]++);
        if (i % 3 == 0) {
          thread.await();
        }
      }
      thread.await();
    }
    assertThat(ran[0]).isEqualTo(1000);
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
