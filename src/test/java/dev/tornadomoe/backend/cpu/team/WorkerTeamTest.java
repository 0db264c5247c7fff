package dev.tornadomoe.backend.cpu.team;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerTeamTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void doesEveryItemOnce(int threads) {
    try (WorkerTeam team = new WorkerTeam(threads)) {
      for (int items : new int[] {0, 1, 2, 7, 100, 3}) {
        for (int round = 0; round < 200; round++) {
          AtomicIntegerArray done = new AtomicIntegerArray(items);
          team.run((item, worker) -> done.incrementAndGet(item), items);
          for (int item = 0; item < items; item++) {
            assertThat(done.get(item)).isEqualTo(1);
          }
        }
      }
    }
  }

  @Test
  void neverGivesTwoItemsTheSameWorkerAtOnce() {
    try (WorkerTeam team = new WorkerTeam(4)) {
      AtomicIntegerArray busy = new AtomicIntegerArray(4);
      for (int round = 0; round < 500; round++) {
        team.run(
            (item, worker) -> {
              if (busy.incrementAndGet(worker) != 1) {
                throw new IllegalStateException("worker " + worker + " is doing two items");
              }
              Thread.onSpinWait();
              busy.decrementAndGet(worker);
            },
            50);
      }
    }
  }

  /// Also where it sleeps.
  @Test
  void theLastWorkerDoesErrandsWhileTheOthersDoItems() throws InterruptedException {
    try (WorkerTeam team = new WorkerTeam(3)) {
      Executor errands = Objects.requireNonNull(team.errands());
      for (int pause : new int[] {0, 20}) {
        Thread.sleep(pause);
        CountDownLatch gone = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(2);
        errands.execute(() -> {
          awaitQuietly(gone);
          done.countDown();
        });
        errands.execute(done::countDown);
        AtomicIntegerArray items = new AtomicIntegerArray(50);
        team.run((item, worker) -> items.incrementAndGet(item), 50);
        for (int item = 0; item < 50; item++) {
          assertThat(items.get(item)).isEqualTo(1);
        }
        assertThat(done.getCount()).isEqualTo(2);
        gone.countDown();
        done.await();
      }
    }
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aTeamOfOneHasNobodyForErrands() {
    try (WorkerTeam team = new WorkerTeam(1)) {
      assertThat(team.errands()).isNull();
    }
  }

  /// With more threads than cores some are still on their way when the items are done.
  @ParameterizedTest
  @ValueSource(ints = {2, 16})
  void wakesUpAfterAPause(int threads) throws InterruptedException {
    try (WorkerTeam team = new WorkerTeam(threads)) {
      for (int round = 0; round < 20; round++) {
        for (int items : new int[] {10, 3, 40}) {
          AtomicIntegerArray done = new AtomicIntegerArray(items);
          team.run((item, worker) -> done.incrementAndGet(item), items);
          for (int item = 0; item < items; item++) {
            assertThat(done.get(item)).isEqualTo(1);
          }
        }
        Thread.sleep(2); // longer than workers spin
      }
    }
  }

  @Test
  void handsOnAFailureAndGoesOnWorking() {
    try (WorkerTeam team = new WorkerTeam(3)) {
      for (int bad : new int[] {0, 5, 99}) {
        assertThatThrownBy(() ->
                team.run(
                    (item, worker) -> {
                      if (item == bad) {
                        throw new IllegalArgumentException("item " + item);
                      }
                    },
                    100))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("item " + bad);
        AtomicIntegerArray done = new AtomicIntegerArray(20);
        team.run((item, worker) -> done.incrementAndGet(item), 20);
        assertThat(done.get(19)).isEqualTo(1);
      }
    }
  }

  /// The others do the item that they have, and no more: each waits until the check has said no.
  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void aCheckThatSaysNoEndsATask(int threads) {
    try (WorkerTeam team = new WorkerTeam(threads)) {
      CountDownLatch refused = new CountDownLatch(1);
      AtomicInteger checks = new AtomicInteger();
      AtomicInteger done = new AtomicInteger();
      assertThatThrownBy(() ->
              team.run(
                  (item, worker) -> {
                    while (worker > 0 && refused.getCount() > 0) {
                      Thread.onSpinWait();
                    }
                    done.incrementAndGet();
                  },
                  1000,
                  () -> {
                    if (checks.incrementAndGet() == 3) {
                      refused.countDown();
                      throw new IllegalArgumentException("no");
                    }
                  }))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("no");
      assertThat(done.get()).isLessThan(1000);
    }
  }

  @Test
  void letsASecondUserWorkAlone() throws InterruptedException {
    try (WorkerTeam team = new WorkerTeam(2)) {
      AtomicIntegerArray done = new AtomicIntegerArray(2);
      Thread[] users = new Thread[2];
      for (int u = 0; u < 2; u++) {
        int user = u;
        users[u] =
            Thread.ofPlatform()
                .start(() -> {
                  for (int round = 0; round < 300; round++) {
                    team.run((item, worker) -> done.incrementAndGet(user), 30);
                  }
                });
      }
      for (Thread user : users) {
        user.join();
      }
      assertThat(done.get(0)).isEqualTo(9000);
      assertThat(done.get(1)).isEqualTo(9000);
    }
  }
}
