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
