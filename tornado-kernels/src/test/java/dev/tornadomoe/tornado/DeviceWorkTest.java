package dev.tornadomoe.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// One thing at a time that another thread does.
class DeviceWorkTest {
  private final ExecutorService other = Executors.newSingleThreadExecutor();
  private final DeviceWork work = new DeviceWork(other);

  @AfterEach
  void close() {
    other.close();
  }

  @Test
  void isDoneWhileTheOtherGoesOn() {
    CountDownLatch gone = new CountDownLatch(1);
    List<Thread> done = Collections.synchronizedList(new ArrayList<>());
    work.begin(() -> {
      awaitQuietly(gone);
      done.add(Thread.currentThread());
    });
    assertThat(done).isEmpty();
    gone.countDown();
    work.await();
    assertThat(done).hasSize(1).doesNotContain(Thread.currentThread());
  }

  @Test
  void aFailureIsThrownToWhoWaitsAndIsThenForgotten() {
    work.begin(() -> {
      throw new BackendException("the device is gone");
    });
    assertThatThrownBy(work::await)
        .isInstanceOf(BackendException.class)
        .hasMessage("the device is gone");
    work.await();
    work.begin(() -> {
      throw new BackendException("once more");
    });
    work.settle();
    int[] ran = new int[1];
    work.begin(() -> ran[0]++);
    work.await();
    assertThat(ran[0]).isEqualTo(1);
  }

  /// What follows would go by what was not done.
  @Test
  void whatFollowsAFailureIsNotDone() {
    int[] ran = new int[1];
    long first = work.begin(() -> ran[0]++);
    work.begin(() -> {
      throw new BackendException("the device is gone");
    });
    long third = work.begin(() -> ran[0]++);
    work.settle();
    assertThat(ran[0]).isEqualTo(1);
    work.await(first);
    work.await(third);
    work.begin(() -> ran[0]++);
    work.await();
    assertThat(ran[0]).isEqualTo(2);
  }

  @Test
  void oneThingIsDoneAfterTheOther() {
    int[] ran = new int[1];
    for (int i = 0; i < 1000; i++) {
      work.begin(() -> ran[0]++);
      if (i % 3 == 0) {
        work.await();
      }
    }
    work.await();
    assertThat(ran[0]).isEqualTo(1000);
  }

  @Test
  void whatNobodyDoesIsNotWaitedFor() {
    other.shutdown();
    assertThatThrownBy(() -> work.begin(() -> {})).isInstanceOf(RejectedExecutionException.class);
    work.await();
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
