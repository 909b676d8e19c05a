@device
Feature: Partial failure
  When a part fails, the device says so truthfully, does with the rest what its supplier declares, and can be repaired.

  @behaviour:PF-02 @behaviour:PF-01 @req:ST-011 @req:ST-012 @needs:fault
  Scenario Outline: The good components beside a failed one end as the supplier declares
    Given a device that is managed by the WFM
    When the <position> component of "multipart" fails
    And the WFM publishes "multipart" release 1, whose components need not wait for one another
    Then the device reports "multipart" failed, and why
    And the good components of "multipart" end as the supplier declares
    And what is reported of the components of "multipart" is true
    When the <position> component of "multipart" is fine
    And the WFM publishes "multipart" release 2
    Then the device installs "multipart" and reports it

    Examples:
      | position |
      | first    |
      | last     |

  @behaviour:PF-05 @req:DS-074 @needs:fault
  Scenario Outline: An installation whose sources cannot be had is tried again, or waits, as the supplier declares
    Given a device that is managed by the WFM, and tries failed installations again soon
    When the <position> component of "<role>" cannot be fetched
    And the WFM publishes "<role>" release 1
    Then the device reports "<role>" failed, and why
    When the <position> component of "<role>" is fine
    Then the device tries to install "<role>" again as its supplier declares
    When the WFM publishes "<role>" release 2
    Then the device installs "<role>" and reports it

    Examples:
      | role    | position |
      | chart   | first    |
      | archive | last     |

  @behaviour:PF-07 @behaviour:PF-10 @req:ST-021 @req:DS-072 @needs:fault
  Scenario Outline: A failed update leaves what the supplier declares
    Given the device runs "<role>" release 1
    When the last component of "<role>" release 2 is made to fail slowly
    And the WFM publishes "<role>" release 2, and what runs meanwhile is watched
    Then the device reports "<role>" failed, and why
    And what runs of "<role>" after the failed update is as the supplier declares
    And the device says which release of "<role>" it holds
    When the WFM publishes "<role>" release 3
    Then the device installs "<role>" and reports it

    Examples:
      | role      |
      | multipart |
      | chart     |

  @behaviour:PF-08 @req:DS-073 @needs:fault
  Scenario Outline: A removal that fails is tried again, or left, as the supplier declares
    Given the device runs "<role>" release 1
    When the last component of "<role>" fails to go
    And the WFM withdraws "<role>"
    Then the failed removal of "<role>" ends as the supplier declares
    And it is not called removed before it is gone

    Examples:
      | role    |
      | chart   |
      | archive |

  @behaviour:PF-09 @req:DS-072 @req:DS-039 @needs:tamper
  Scenario: With no space to store anything, nothing is lost
    Given the device runs 2 applications
    When the storage of the device is full
    And the WFM publishes "primary" release 2, and the device has had its time
    Then the device kept what it had of "primary"
    When the storage of the device has space again
    Then the device installs "primary" and reports it
    And the device leaves "secondary" alone
    And what runs of "primary" is what was published

  @behaviour:PF-10 @req:DS-073 @req:DS-072 @needs:fault
  Scenario: A failed deployment disappears when it is withdrawn, and can come again
    Given a device that is managed by the WFM
    When the last component of "primary" fails
    And the WFM publishes "primary" release 1
    Then the device reports "primary" failed, and why
    When the WFM withdraws "primary"
    Then the device removes "primary" and reports it
    When the last component of "primary" is fine
    And the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

  @behaviour:MM-05 @req:DS-002 @req:ST-012 @since:1.0.0-rc.3
  Scenario Outline: A deployment that needs more <what> than there is fails with a reason
    Given a device that is managed by the WFM
    When the WFM publishes "primary" for a device with more <what> than this one has
    Then the device says that it cannot have "primary"
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

    Examples:
      | what    |
      | memory  |
      | storage |
      | cores   |

  @behaviour:MM-05 @req:DS-002 @req:ST-012 @needs:configure
  Scenario: A deployment of a type that the device does not have fails with a reason
    Given a device that is managed by the WFM, and runs Compose archives only
    When the WFM publishes "chart" release 1 as a helm deployment all the same
    Then the device says that it cannot have "chart"
    When the WFM publishes "archive" release 1 as a compose deployment
    Then the device deploys the archive of "archive"
