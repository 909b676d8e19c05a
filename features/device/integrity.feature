@device
Feature: Integrity
  A desired state that is damaged, older, or cannot be checked is refused whole, and what ran before stays.

  @req:DS-029 @req:DS-030 @req:DS-053 @req:DS-054 @behaviour:PF-04
  Scenario Outline: Damaged content is refused and the former state stays
    Given the device runs "primary" release 1
    When the WFM offers "primary" release 2 with <damage>
    Then the device refuses the damaged state
    And the device leaves "primary" alone
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

    Examples:
      | damage                                    |
      | one bit changed                           |
      | one byte added                            |
      | line ends changed                         |
      | its end cut off                           |
      | nothing in it                             |
      | the content of another deployment         |
      | a damaged deployment in an intact archive |

  @req:DS-030 @req:DS-054 @behaviour:PF-04
  Scenario: A damaged archive is not gone around
    Given the device runs "primary" release 1
    When the WFM offers "primary" release 2 with only the archive damaged
    Then the device does not go around the damaged archive
    When the WFM publishes "primary" release 3
    Then the device installs "primary" and reports it

  @req:DS-055 @req:DS-049
  Scenario Outline: A digest that cannot be checked makes the whole state invalid
    Given the device runs "primary" release 1
    When the WFM offers "primary" release 2 with <digest>
    Then the device refuses the digest that it cannot check
    And the device leaves "primary" alone
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

    Examples:
      | digest                     |
      | SHA-512 for one deployment |
      | MD5 for one deployment     |
      | SHA-512 for the archive    |

  @req:DS-069
  Scenario: An older state is refused
    Given the device runs "primary" release 1
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    When the WFM offers other content under a version that is 1 older
    Then the device refuses what is not newer
    When the WFM publishes "primary" release 3
    Then the device installs "primary" and reports it

  @req:DS-069
  Scenario: Other content under the same version is refused
    Given the device runs "primary" release 1
    When the WFM offers other content under the version that is held
    Then the device refuses what is not newer
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

  @req:DS-070 @req:DS-069 @needs:log
  Scenario: A state that is refused for its age is a security event
    Given the device runs "primary" release 1
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it
    When the WFM offers other content under a version that is 1 older
    Then the device refuses what is not newer
    And the refusal stands in the security log of the device

  @req:DS-069 @req:DS-039
  Scenario: An older state removes nothing
    Given the device runs 2 applications
    When the WFM offers a state without "secondary" under an older version
    Then the device refuses what is not newer
    And the device leaves "secondary" alone
    When the WFM publishes "secondary" release 2
    Then the device installs "secondary" and reports it

  @req:DS-039 @req:ST-022 @behaviour:MM-08
  Scenario Outline: A state that cannot be read changes nothing
    Given the device runs "primary" release 1
    When the WFM offers a desired state that is <defect>
    Then the device refuses what it cannot read
    And the device leaves "primary" alone
    When the WFM publishes "primary" release 2
    Then the device installs "primary" and reports it

    Examples:
      | defect                               |
      | cut off in the middle                |
      | no text at all                       |
      | empty                                |
      | a list                               |
      | without a version                    |
      | of a version that is text            |
      | of a negative version                |
      | of a fractional version              |
      | without its deployments              |
      | with a deployment that has no digest |
      | with a deployment that has no name   |
      | with a digest that is too short      |
      | with a digest in capital letters     |
      | with one deployment twice            |

  @req:DS-038 @req:DS-044 @req:DS-039 @behaviour:US-07
  Scenario: Content that cannot be found is not an order to remove anything
    Given the device runs "primary" release 1
    When the content of "primary" release 2 cannot be found
    Then the device does not take it as an order to remove "primary"
    And the device leaves "primary" alone
    When the content can be found again
    Then the device installs "primary" and reports it

  @req:DS-022 @req:DS-026
  Scenario: A wrong size beside a right digest does not matter
    Given a device that is managed by the WFM
    When the WFM publishes "primary" release 1 with a wrong stated size
    Then the device does not mind the size and installs "primary"

  @req:DS-050 @req:DS-051
  Scenario Outline: Content counts as it was written
    Given a device that is managed by the WFM
    When the WFM publishes "primary" release 1 written with <habit>
    Then the device accepts "primary" as it was written

    Examples:
      | habit                       |
      | comments and empty lines    |
      | line ends of another system |
      | deep indentation            |

  @req:DS-050 @req:DS-051
  Scenario: Content that is compressed on its way counts as it was written
    Given a device that is managed by the WFM
    When the WFM compresses what it sends
    And the WFM publishes "primary" release 1
    Then the device accepts "primary" as it was written

  @req:DS-069
  Scenario: Very large versions are told apart
    Given a device that is managed by the WFM
    When the WFM publishes "primary" release 1 as version 9007199254740992
    And the WFM publishes "primary" release 2 as version 9007199254740993
    Then versions that differ by one are told apart
    When the WFM offers other content under a version that is 1 older
    Then the device refuses what is not newer
